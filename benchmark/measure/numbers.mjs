/** The middle of some numbers; of an even count the lower of the two, so that it is always a measured one. */
export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]
}

/** The number that `share` of the sorted numbers do not exceed. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
}

const round = (value) => (value === undefined ? null : Math.round(value * 100) / 100)

/** Median, 99th percentile and extremes of some numbers. */
export function spread(numbers) {
  const sorted = Float64Array.from(numbers).sort()
  return {
    count: sorted.length,
    min: round(sorted[0]),
    p50: round(quantile(sorted, 0.5)),
    p99: round(quantile(sorted, 0.99)),
    max: round(sorted.at(-1)),
  }
}
