// Accounts: what they have, what is held of it, who may go on.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { dollars } from '../../figures.ts'
import * as operator from '../../operator-api.ts'
import { Field, FormLine } from '../../parts/field.tsx'
import type { TableRow } from '../../parts/table.tsx'
import { When } from '../../parts/when.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

const COLUMNS = [
  { title: 'Account' },
  { title: 'Credits', isNumber: true },
  { title: 'Held', isNumber: true },
  { title: 'Made' },
  { title: '' },
] as const

export function AccountsPanel({ accounts, act }: Seen & { readonly act: Act }): JSX.Element {
  const grant = useSignal('10')
  const name = useSignal('')
  const credits = useSignal('10')
  const add = () => {
    act(`Account ${name.value} is made.`, () => operator.createAccount(name.value, Number(credits.value) || 0))
    name.value = ''
  }
  const rows = accounts.map(({ id, name: called, credits: balance, held, suspended_at, created_at }): TableRow => {
    const turn = suspended_at ? 'Resume' : 'Suspend'
    return {
      id,
      cells: [
        <>
          {called} {suspended_at && <span class="chip bad">suspended</span>}
        </>,
        dollars(balance),
        dollars(held),
        <When at={Date.parse(created_at)} />,
        <>
          <button
            type="button"
            aria-label={`Grant $${grant.value} to ${called}`}
            disabled={!(Number(grant.value) > 0)}
            onClick={() =>
              act(`$${grant.value} granted to ${called}.`, () => operator.changeCredits(id, Number(grant.value)))
            }
          >
            Grant ${grant.value}
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={`${turn} ${called}`}
            onClick={() =>
              act(`${called} is ${suspended_at ? 'resumed' : 'suspended'}.`, () =>
                operator.setSuspended(id, suspended_at === null),
              )
            }
          >
            {turn}
          </button>
        </>,
      ],
    }
  })
  return (
    <Panel
      title="Accounts and credits"
      columns={COLUMNS}
      rows={rows}
      beside={
        <div class="beside">
          <Field label="To grant, $" width="short" type="number" min="0" step="any" of={grant} />
        </div>
      }
    >
      <FormLine submit="Make the account" onSubmit={add}>
        <Field label="New account" required maxLength={100} of={name} />
        <Field label="Credits, $" width="short" type="number" min="0" step="any" of={credits} />
      </FormLine>
    </Panel>
  )
}
