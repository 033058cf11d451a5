// Keys: whose they are and when they were used; a new one is shown once.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import * as operator from '../../operator-api.ts'
import { Field } from '../../parts/field.tsx'
import { When } from '../../parts/when.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

export function KeysPanel({ accounts, keys, act }: Seen & { readonly act: Act }): JSX.Element {
  const name = useSignal('')
  const account = useSignal(accounts[0]?.id ?? '')
  const made = useSignal<string | undefined>(undefined)
  const open = keys.filter(({ revoked_at }) => revoked_at === null)
  const nameOf = (id: string): string => accounts.find((candidate) => candidate.id === id)?.name ?? id.slice(0, 8)
  const add = (event: Event) => {
    event.preventDefault()
    act(`Key ${name.value} is made.`, async () => {
      made.value = (await operator.createKey(account.value, name.value)).key
      name.value = ''
    })
  }
  return (
    <Panel
      title="Keys"
      heads={['Key', 'Begins with', 'Account', 'Last used', '']}
      foot={
        <>
          <form class="inline" onSubmit={add}>
            <label>
              <span>New key for</span>
              <select
                value={account.value}
                onChange={({ currentTarget }) => {
                  account.value = currentTarget.value
                }}
              >
                {accounts.map(({ id, name: called }) => (
                  <option key={id} value={id}>
                    {called}
                  </option>
                ))}
              </select>
            </label>
            <Field
              label="What it is for"
              required
              maxLength={100}
              value={name.value}
              onValue={(value) => {
                name.value = value
              }}
            />
            <button type="submit">Make it</button>
          </form>
          <p role="status">
            {made.value && (
              <>
                The new key, shown this once: <code class="secret">{made.value}</code>
              </>
            )}
          </p>
        </>
      }
    >
      {open.map(({ id, name: called, prefix, account: of, last_used_at }) => (
        <tr key={id}>
          <th scope="row">{called}</th>
          <td>
            <code>{prefix}…</code>
          </td>
          <td>{nameOf(of)}</td>
          <td>{last_used_at ? <When at={Date.parse(last_used_at)} /> : 'never'}</td>
          <td class="actions">
            <button
              type="button"
              class="quiet"
              aria-label={`Revoke ${called}, ${prefix}`}
              onClick={() => act(`${called} is revoked.`, () => operator.revokeKey(id))}
            >
              Revoke
            </button>
          </td>
        </tr>
      ))}
    </Panel>
  )
}
