// The operator's part of the API, with ADMIN_TOKEN. The token stays in this tab and is gone when it is closed.
import { effect, signal } from '@preact/signals'
import type { AccountAnswer, ApiKeyAnswer, JobAnswer, WorkersAnswer } from '../../src/contract/admin.ts'
import { call } from './api.ts'

const STORED = 'chatterbox-operator'

export const token = signal<string | undefined>(sessionStorage.getItem(STORED) ?? undefined)
effect(() => {
  if (token.value === undefined) sessionStorage.removeItem(STORED)
  else sessionStorage.setItem(STORED, token.value)
})

/** Throws Refusal. */
async function ask<Answer>(path: string, method = 'GET', body?: unknown, as = token.value): Promise<Answer> {
  const headers = { authorization: `Bearer ${as}`, ...(body ? { 'content-type': 'application/json' } : {}) }
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }
  return (await call(`v1/admin/${path}`, undefined, init)).json()
}

export async function enter(candidate: string): Promise<void> {
  await ask('workers', 'GET', undefined, candidate)
  token.value = candidate
}

/** All rows of a list, page after page. */
async function askAll<Row>(path: string, rowsOf: string): Promise<Row[]> {
  const all: Row[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`
    const page: Record<string, unknown> = await ask(`${path}?limit=200${query}`)
    all.push(...(page[rowsOf] as Row[]))
    cursor = page.next as string | null
  } while (cursor !== null)
  return all
}

export const listAccounts = () => askAll<AccountAnswer>('accounts', 'accounts')
export const createAccount = (name: string, credits: number) =>
  ask<AccountAnswer>('accounts', 'POST', { name, credits })
export const setSuspended = (id: string, suspended: boolean) =>
  ask<AccountAnswer>(`accounts/${id}`, 'PATCH', { suspended })
export const changeCredits = (id: string, amount: number) =>
  ask<AccountAnswer>(`accounts/${id}/credits`, 'POST', { amount, note: 'from the studio' })
export const listKeys = () => askAll<ApiKeyAnswer>('keys', 'keys')
export const createKey = (account: string, name: string) =>
  ask<ApiKeyAnswer & { key: string }>('keys', 'POST', { account, name })
export const revokeKey = (id: string) => ask<ApiKeyAnswer>(`keys/${id}`, 'DELETE')
export const listJobs = (state: string) =>
  ask<{ jobs: JobAnswer[] }>(`jobs?limit=30${state === '' ? '' : `&state=${state}`}`)
export const cancelJob = (id: string) => ask<JobAnswer>(`jobs/${id}/cancel`, 'POST')
export const requeueJob = (id: string) => ask<JobAnswer>(`jobs/${id}/requeue`, 'POST')
export const listWorkers = () => ask<WorkersAnswer>('workers')
