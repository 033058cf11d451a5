// Rows under headings, as wide as they need to be.

interface TableOptions {
  /** Headings of columns of numbers, which end under each other. */
  readonly right?: readonly string[]
}

/** Columns are padded to their widest cell. Cells may hold anything that somebody has typed: nothing in them moves the cursor. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [] }: TableOptions = {},
): string {
  const all = [headings, ...rows].map((row) => row.map(printable))
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell))
          return right.includes(headings[column] ?? '') ? padding + cell : cell + padding
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and values under each other. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n')
}

/** Control characters, and those that turn the direction of text around, become visible. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069\p{Surrogate}]/gu, '\ufffd')

/** In cells of a terminal: East Asian characters and emoji take two, combining marks none. */
function widthOf(text: string): number {
  let width = 0
  for (const character of text) {
    if (/\p{Mn}|\u200d|\ufe0f/u.test(character)) continue
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return width
}
