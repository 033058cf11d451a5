// A table: scrolls sideways where its place is narrow; on a phone each row is a block in which every figure has its column's name.
import type { ComponentChildren, JSX } from 'preact'

export interface Column {
  /** '': what can be done with the row. */
  readonly title: string
  readonly isNumber?: true
}

export interface TableRow {
  readonly id: string
  /** By column; the first names the row. */
  readonly cells: readonly [ComponentChildren, ...ComponentChildren[]]
}

interface Props {
  readonly label: string
  readonly columns: readonly Column[]
  readonly rows: readonly TableRow[]
  /** Said where there is no row. */
  readonly empty?: string
}

export function Table({ label, columns, rows, empty }: Props): JSX.Element {
  if (rows.length === 0) return <p class="hint">{empty}</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolls sideways, so the keyboard must reach it
    <section class="scrolls" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) =>
              title === '' ? (
                <td key={title} />
              ) : (
                <th key={title} scope="col" class={isNumber && 'number'}>
                  {title}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, cells: [first, ...cells] }) => (
            <tr key={id}>
              <th scope="row">{first}</th>
              {columns.slice(1).map(({ title, isNumber }, index) => (
                <td key={title} class={title === '' ? 'actions' : isNumber && 'number'} data-title={title}>
                  {cells[index]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
