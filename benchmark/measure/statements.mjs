/** What a server was asked between two counts; null where it does not count. */
export function difference(before, after) {
  return before && Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - before[name]]))
}
