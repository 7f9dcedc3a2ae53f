// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What npm's hdr-histogram-js makes of a log of histograms, for outputs.py.
// Usage: node hdr_decode.js MODULE_DIRECTORY LOG; prints JSON.

const fs = require("fs");
const hdr = require(process.argv[2]);

const reader = new hdr.HistogramLogReader(fs.readFileSync(process.argv[3], "utf8"), 64, false);
const found = {};
for (let h = reader.nextIntervalHistogram(); h !== null; h = reader.nextIntervalHistogram()) {
  const counts = [];
  for (let i = 0; i < h.countsArrayLength; i++) {
    if (h.getCountAtIndex(i) > 0) {
      counts.push([h.valueFromIndex(i), h.getCountAtIndex(i)]);
    }
  }
  const percentiles = {};
  for (const p of [50, 90, 99, 99.9, 99.99]) {
    percentiles[p] = h.getValueAtPercentile(p);
  }
  found[h.tag] = {
    counts,
    percentiles,
    total: h.totalCount,
    digits: h.numberOfSignificantValueDigits,
    lowest: h.lowestDiscernibleValue,
    highest: h.highestTrackableValue,
    table: h.outputPercentileDistribution(5, 1000),
  };
}
console.log(JSON.stringify(found));
