// Keys: whose they are and when they were used; a new one is shown once.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import * as operator from '../../operator-api.ts'
import { ConfirmButton } from '../../parts/confirm-button.tsx'
import { Choice, Field, FormLine } from '../../parts/field.tsx'
import type { TableRow } from '../../parts/table.tsx'
import { When } from '../../parts/when.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

const COLUMNS = [
  { title: 'Key' },
  { title: 'Begins with' },
  { title: 'Account' },
  { title: 'Last used' },
  { title: '' },
] as const

export function KeysPanel({ accounts, keys, act }: Seen & { readonly act: Act }): JSX.Element {
  const name = useSignal('')
  const account = useSignal(accounts[0]?.id ?? '')
  const made = useSignal<string | undefined>(undefined)
  const names = new Map(accounts.map(({ id, name: called }) => [id, called]))
  const add = () =>
    act(`Key ${name.value} is made.`, async () => {
      made.value = (await operator.createKey(account.value, name.value)).key
      name.value = ''
    })
  const rows = keys
    .filter(({ revoked_at }) => revoked_at === null)
    .map(
      ({ id, name: called, prefix, account: of, last_used_at }): TableRow => ({
        id,
        cells: [
          called,
          <code>{prefix}…</code>,
          names.get(of) ?? of.slice(0, 8),
          last_used_at ? <When at={Date.parse(last_used_at)} /> : 'never',
          <ConfirmButton
            verb="Revoke"
            what={`${called}, ${prefix}`}
            onConfirm={() => act(`${called} is revoked.`, () => operator.revokeKey(id))}
          />,
        ],
      }),
    )
  return (
    <Panel title="Keys" columns={COLUMNS} rows={rows} empty="There is none: nobody can have anything spoken.">
      <FormLine submit="Make the key" onSubmit={add}>
        <Choice label="New key for" of={account} among={names} />
        <Field label="What it is for" required maxLength={100} of={name} />
      </FormLine>
      <p role="status">
        {made.value && (
          <>
            The new key, shown this once: <code class="secret">{made.value}</code>
          </>
        )}
      </p>
    </Panel>
  )
}
