/**
 * Text for terminals: how wide it is, what of it is safe to show, tables, colours. Pure.
 */

/** Colours that words may have. */
export type Color = 'red' | 'yellow' | 'cyan' | 'dim'

const codes: Record<Color, number> = { red: 31, yellow: 33, cyan: 36, dim: 2 }

/** `text` in a colour, where colours are wanted. */
export function colored(text: string, color: Color | undefined, colors: boolean): string {
  return colors && color !== undefined ? `\u001B[${codes[color]}m${text}\u001B[0m` : text
}

/**
 * `text` with everything that a terminal would obey, or not show, as an escape: it comes from messages and errors, which
 * anybody may have written. With `lines`, line breaks and tabs stay.
 */
export function visible(text: string, lines: 'one line' | 'lines' = 'one line'): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (lines === 'lines' && (character === '\n' || character === '\t')) return character
    const code = character.codePointAt(0) ?? 0
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

// East Asian wide and fullwidth blocks, and what is drawn as an emoji.
const wide =
  /^(?:[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation})/u
const combining = /^\p{M}/u

function widthOf(grapheme: string): number {
  if (wide.test(grapheme)) return 2
  return combining.test(grapheme) ? 0 : 1
}

/** How many columns of a terminal `text` takes. */
export function width(text: string): number {
  let columns = 0
  for (const { segment } of graphemes.segment(text)) columns += widthOf(segment)
  return columns
}

/** `text` within so many columns; what is cut off is an ellipsis. */
export function fitted(text: string, most: number): string {
  // Nothing is narrower than half a column a unit, and a message of megabytes is not measured whole.
  const looked = text.length > most * 16 ? text.slice(0, most * 16) : text
  let columns = 0
  let fits = 0
  for (const { segment, index } of graphemes.segment(looked)) {
    const next = columns + widthOf(segment)
    if (next > most) return `${looked.slice(0, fits)}…`
    if (next < most) fits = index + segment.length
    columns = next
  }
  return looked === text ? text : `${looked.slice(0, fits)}…`
}

/** One column of a table. */
export interface Column<Row> {
  title: string
  /** How wide it gets at most. */
  most: number
  of(row: Row): string
  color?(row: Row): Color | undefined
}

/** Aligns rows. The widths of one page are at least those of the page before. */
export class Table<Row> {
  readonly #widths: number[]

  constructor(
    private readonly columns: readonly Column<Row>[],
    private readonly colors: boolean,
  ) {
    this.#widths = columns.map(({ title }) => width(title))
  }

  /** The lines of a page; the first page begins with the titles. */
  page(rows: readonly Row[], position: 'first' | 'further'): string[] {
    const cells = rows.map((row) => this.columns.map((column) => fitted(visible(column.of(row)), column.most)))
    for (const row of cells) {
      for (const [at, cell] of row.entries()) this.#widths[at] = Math.max(this.#widths[at] ?? 0, width(cell))
    }
    const titles = this.#line(
      this.columns.map(({ title }) => title),
      () => 'dim',
    )
    const lines = cells.map((row, index) => {
      const of = rows[index] as Row
      return this.#line(row, (column) => column.color?.(of))
    })
    return position === 'first' ? [titles, ...lines] : lines
  }

  #line(cells: readonly string[], color: (column: Column<Row>) => Color | undefined): string {
    return cells
      .map((cell, at) => {
        const column = this.columns[at] as Column<Row>
        const gap = ' '.repeat((this.#widths[at] ?? 0) - width(cell) + 2)
        return colored(cell, color(column), this.colors) + gap
      })
      .join('')
      .trimEnd()
  }
}
