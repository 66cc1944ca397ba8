/** A number as tables have it: thousands apart, small ones with a decimal. */
export function numeral(value, digits = Number.isInteger(value) || Math.abs(value) >= 10 ? 0 : 1) {
  return value === undefined || value === null ? '–' : value.toFixed(digits).replaceAll(/\B(?=(\d{3})+$)/g, ' ')
}

/** How many times as much. */
export function ratio(ours, theirs) {
  if (!ours || !theirs) return '–'
  const times = ours / theirs
  return times < 10 ? times.toFixed(2) : numeral(times, 0)
}
