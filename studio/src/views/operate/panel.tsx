// A table of the operator's desk, with what can be added to it.
import type { ComponentChildren, JSX } from 'preact'

const NUMBERS = ['Credits', 'Held', 'Characters', 'Cost']

interface PanelProps {
  readonly title: string
  readonly heads: readonly string[]
  readonly beside?: JSX.Element
  readonly foot?: JSX.Element
  readonly children: ComponentChildren
}

export function Panel({ title, heads, beside, foot, children }: PanelProps): JSX.Element {
  return (
    <section class="card">
      <div class="row">
        <h2>{title}</h2>
        {beside}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolls sideways on a phone, so the keyboard must reach it */}
      <section class="scrolls" tabIndex={0} aria-label={title}>
        <table>
          <thead>
            <tr>
              {heads.map((head) =>
                head === '' ? (
                  <td key="what can be done" />
                ) : (
                  <th key={head} scope="col" class={NUMBERS.includes(head) ? 'number' : ''}>
                    {head}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </section>
      {foot && <div class="foot">{foot}</div>}
    </section>
  )
}
