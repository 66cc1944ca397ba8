/** How often something is tried: in every run of the tests, and in `npm run soak`. */
export function rounds(few: number, many: number): number {
  if (process.env['KER_SOAK'] !== '1') return few
  const asked = Number(process.env['KER_SOAK_ROUNDS'])
  return asked > 0 ? Math.min(asked, many) : many
}
