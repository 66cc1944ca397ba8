/**
 * Where two normalized options objects differ.
 */

/** The path of the first difference, such as `'policy.retryCount'`, or `undefined` when both say the same. */
export function difference(a: unknown, b: unknown, path = ''): string | undefined {
  if (Object.is(a, b)) return undefined
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return path
  if (Array.isArray(a) !== Array.isArray(b)) return path
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const at = Array.isArray(a) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    const found = difference(left[key], right[key], at)
    if (found !== undefined) return found
  }
  return undefined
}
