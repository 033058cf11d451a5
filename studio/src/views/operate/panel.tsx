// A table of the operator's desk, with what is beside its title, and what can be added to it.
import type { ComponentChildren, JSX } from 'preact'
import { type Column, Table, type TableRow } from '../../parts/table.tsx'

interface PanelProps {
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly TableRow[]
  readonly empty?: string
  readonly beside?: JSX.Element
  /** Forms, below the table. */
  readonly children?: ComponentChildren
}

export function Panel({ title, columns, rows, empty, beside, children }: PanelProps): JSX.Element {
  return (
    <section class="card">
      <div class="row">
        <h2>{title}</h2>
        {beside}
      </div>
      <Table label={title} columns={columns} rows={rows} {...(empty === undefined ? {} : { empty })} />
      {children && <div class="foot">{children}</div>}
    </section>
  )
}
