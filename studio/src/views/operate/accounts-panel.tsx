// Accounts: what they have, what is held of it, who may go on.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import * as operator from '../../operator-api.ts'
import { Field } from '../../parts/field.tsx'
import { When } from '../../parts/when.tsx'
import { dollars } from '../usage-view.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

export function AccountsPanel({ accounts, act }: Seen & { readonly act: Act }): JSX.Element {
  const amount = useSignal('10')
  const name = useSignal('')
  const add = (event: Event) => {
    event.preventDefault()
    act(`Account ${name.value} is made.`, () => operator.createAccount(name.value, Number(amount.value) || 0))
    name.value = ''
  }
  return (
    <Panel
      title="Accounts and credits"
      heads={['Account', 'Credits', 'Held', 'Made', '']}
      foot={
        <form class="inline" onSubmit={add}>
          <Field
            label="New account"
            required
            maxLength={100}
            value={name.value}
            onValue={(value) => {
              name.value = value
            }}
          />
          <Field
            label="Credits, $"
            width="short"
            type="number"
            min="0"
            step="any"
            value={amount.value}
            onValue={(value) => {
              amount.value = value
            }}
          />
          <button type="submit">Make it</button>
        </form>
      }
    >
      {accounts.map(({ id, name: called, credits, held, suspended_at, created_at }) => (
        <tr key={id}>
          <th scope="row">
            {called} {suspended_at && <span class="chip bad">suspended</span>}
          </th>
          <td class="number">{dollars(credits)}</td>
          <td class="number">{dollars(held)}</td>
          <td>
            <When at={Date.parse(created_at)} />
          </td>
          <td class="actions">
            <button
              type="button"
              aria-label={`Grant $${amount.value} to ${called}`}
              onClick={() =>
                act(`$${amount.value} granted to ${called}.`, () => operator.changeCredits(id, Number(amount.value)))
              }
            >
              Grant ${amount.value}
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`${suspended_at ? 'Resume' : 'Suspend'} ${called}`}
              onClick={() =>
                act(`${called} is ${suspended_at ? 'resumed' : 'suspended'}.`, () =>
                  operator.setSuspended(id, suspended_at === null),
                )
              }
            >
              {suspended_at ? 'Resume' : 'Suspend'}
            </button>
          </td>
        </tr>
      ))}
    </Panel>
  )
}
