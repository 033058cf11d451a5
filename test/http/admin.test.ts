// /v1/admin and /v1/usage: every route against its contract, and who may call it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { authenticate, createApiKey } from '../../src/billing/api-keys.ts'
import { errorBodySchema } from '../../src/contract/errors.ts'
import type { RouteContract } from '../../src/contract/route.ts'
import { ROUTES, type RouteName } from '../../src/contract/routes.ts'
import { SCHEMAS } from '../../src/contract/schemas.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { seenWorker } from '../../src/jobs/workers.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeQueuedJob } from '../harness/accounts.ts'
import { buildScratchApp, openScratchApp, VALID } from './scratch-app.ts'

const TOKEN = 'the-token-of-the-operator'
const scratch = await openScratchApp({ ADMIN_TOKEN: TOKEN })
const { app, db, account } = scratch
const ADMIN_ROUTES = Object.entries<RouteContract>(ROUTES).filter(([, { access }]) => access === 'admin')

/** Calls a route of the contract and holds its answer to the schema that the contract names. */
async function call(name: RouteName, path: string, body?: unknown, headers = { authorization: `Bearer ${TOKEN}` }) {
  const route: RouteContract = ROUTES[name]
  const response = await app.inject({
    method: route.method,
    url: path,
    headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  })
  const json = response.json()
  if (response.statusCode === 200) {
    const schema = route.responses[200]?.json?.[0]
    assert.ok(schema)
    assert.equal(SCHEMAS[schema].safeParse(json).error, undefined, `${name} answers ${schema}`)
    assert.equal(response.headers['cache-control'], 'no-store')
  } else errorBodySchema.strict().parse(json)
  return { status: response.statusCode, json }
}
const refusalOf = ({ status, json }: Awaited<ReturnType<typeof call>>) => [status, json.code, json.param]

test('a grant that is repeated under its key is made once; the key with another grant is refused', async () => {
  const { accountId } = await makeAccount(db, 1_000_000)
  const other = await makeAccount(db, 1_000_000)
  const grant = (body: object, key: string, to = accountId) =>
    call('adminChangeCredits', `/v1/admin/accounts/${to}/credits`, body, {
      authorization: `Bearer ${TOKEN}`,
      'idempotency-key': key,
    } as { authorization: string })
  const invoice = { amount: 25, note: 'invoice 2026-117' }
  const answers = await Promise.all(Array.from({ length: 4 }, () => grant(invoice, 'a')))
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json.credits]),
    answers.map(() => [200, 26]),
  )
  assert.deepEqual(refusalOf(await grant({ ...invoice, amount: 26 }, 'a')), [
    422,
    'idempotency_conflict',
    'Idempotency-Key',
  ])
  assert.deepEqual(refusalOf(await grant({ ...invoice, note: 'x' }, 'a')), [
    422,
    'idempotency_conflict',
    'Idempotency-Key',
  ])
  assert.deepEqual(refusalOf(await grant(invoice, 'k'.repeat(256))), [400, 'invalid_parameter', 'Idempotency-Key'])
  assert.equal((await grant(invoice, 'b')).json.credits, 51)
  assert.equal((await grant(invoice, 'a', other.accountId)).json.credits, 26)
  const { json } = await call('adminAudit', `/v1/admin/audit?account=${accountId}`)
  assert.equal(json.entries.length, 2)
})

test('there are admin routes, and each of them is refused without the very token', async () => {
  assert.ok(ADMIN_ROUTES.length >= 16)
  const other = await makeAccount(db)
  const credentials: Record<string, Record<string, string>> = {
    none: {},
    'a wrong token': { authorization: `Bearer ${TOKEN.slice(0, -1)}x` },
    'the beginning of the token': { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
    'another scheme': { authorization: `Basic ${TOKEN}` },
    'the token as a key': { 'x-api-key': TOKEN },
    'an API key': { authorization: `Bearer ${account.key}` },
    'an API key as a key': { 'x-api-key': account.key },
    'a key of another account': { authorization: `Bearer ${other.key}` },
  }
  for (const [name, { method, path }] of ADMIN_ROUTES) {
    for (const [what, headers] of Object.entries(credentials)) {
      for (const remoteAddress of ['127.0.0.1', '10.0.0.7']) {
        const url = path.replace('{id}', account.accountId)
        const response = await app.inject({ method, url, headers, remoteAddress })
        assert.deepEqual([response.statusCode, response.json().code], [403, 'forbidden'], `${name} with ${what}`)
      }
    }
  }
})

test('without ADMIN_TOKEN nobody is let in, not even with an empty one', async () => {
  const closed = await buildScratchApp(db)
  for (const authorization of ['Bearer ', 'Bearer undefined', 'Bearer']) {
    const response = await closed.app.inject({ url: '/v1/admin/accounts', headers: { authorization } })
    assert.equal(response.statusCode, 403)
    assert.match(response.json().error, /has no ADMIN_TOKEN/)
  }
})

test('an account is made, read, changed, suspended and paid for', async () => {
  const name = `acme ${newId()}`
  const made = await call('adminCreateAccount', '/v1/admin/accounts', { name, credits: 2.5, retention: 'none' })
  assert.deepEqual([made.status, made.json.name, made.json.credits, made.json.retention], [200, name, 2.5, 'none'])
  const path = `/v1/admin/accounts/${made.json.id}`
  assert.deepEqual((await call('adminFindAccount', path)).json, made.json)
  const listed = await call('adminListAccounts', '/v1/admin/accounts?limit=200')
  assert.ok(listed.json.accounts.some(({ id }: { id: string }) => id === made.json.id))
  const changed = await call('adminChangeAccount', path, { result_ttl_hours: 24, retention: 'normal' })
  assert.deepEqual([changed.json.result_ttl_hours, changed.json.retention], [24, 'normal'])
  const paid = await call('adminChangeCredits', `${path}/credits`, { amount: 0.5, note: 'invoice' })
  assert.equal(paid.json.credits, 3)
  const taken = await call('adminChangeCredits', `${path}/credits`, { amount: -4, note: 'all of it' })
  assert.deepEqual(refusalOf(taken), [406, 'insufficient_credits', undefined])
  assert.deepEqual(refusalOf(await call('adminCreateAccount', '/v1/admin/accounts', { name })), [
    400,
    'invalid_parameter',
    'name',
  ])
})

test('the keys of a suspended account are answered 403 on every route that takes a key, until it is resumed', async () => {
  const { accountId, key } = await makeAccount(db)
  const path = `/v1/admin/accounts/${accountId}`
  assert.ok((await call('adminChangeAccount', path, { suspended: true })).json.suspended_at)
  for (const [name, route] of Object.entries<RouteContract>(ROUTES).filter(([, { access }]) => access === 'key')) {
    const url = route.path.replace(/\{\w+\}/, newId())
    const response = await app.inject({ method: route.method, url, headers: { 'x-api-key': key } })
    const body = response.json()
    const shapes = {
      openai: () => body.error,
      elevenlabs: () => ({ message: body.detail.message, code: body.detail.status }),
      ours: () => ({ message: body.error, code: body.code }),
    }
    const { message, code } = shapes[route.errorShape ?? 'ours']()
    assert.deepEqual([response.statusCode, code], [403, 'forbidden'], name)
    assert.match(message, /suspended/)
  }
  await call('adminChangeAccount', path, { suspended: false })
  assert.equal((await authenticate(db, key))?.accountId, accountId)
})

test('a key is made, works, is limited and revoked', async () => {
  const { accountId } = await makeAccount(db)
  const made = await call('adminCreateKey', '/v1/admin/keys', { account: accountId, name: 'app', max_concurrent: 2 })
  assert.equal(made.status, 200)
  const { id, key } = made.json
  const credits = () => app.inject({ url: '/v1/get-user-credits', headers: { 'x-api-key': key } })
  assert.equal((await credits()).statusCode, 200)
  const limited = await call('adminChangeKey', `/v1/admin/keys/${id}`, { rate_limit_rpm: 0, max_concurrent: null })
  assert.deepEqual([limited.json.rate_limit_rpm, limited.json.max_concurrent], [0, null])
  const revoked = await call('adminRevokeKey', `/v1/admin/keys/${id}`)
  assert.ok(revoked.json.revoked_at)
  assert.equal((await credits()).statusCode, 401)
  const { json } = await call('adminListKeys', `/v1/admin/keys?account=${accountId}`)
  assert.deepEqual(json.keys.at(-1), revoked.json)
  assert.ok(!JSON.stringify(json).includes(key))
})

test('accounts and keys are listed in pages that neither repeat nor leave out a row, made at the same moment or meanwhile', async () => {
  const { accountId } = await makeAccount(db)
  const adding = [1, 2, 3, 4].map((n) => createApiKey(db, { accountId, name: `key ${n}` }))
  await Promise.all(adding)
  const moment = new Date('2020-01-01T00:00:00Z')
  await db.updateTable('api_keys').set({ created_at: moment }).where('account_id', '=', accountId).execute()
  const oldest = await Promise.all([1, 2, 3].map(async () => (await makeAccount(db)).accountId))
  await db.updateTable('accounts').set({ created_at: moment }).where('id', 'in', oldest).execute()

  const keys = await followed('adminListKeys', `/v1/admin/keys?account=${accountId}&limit=2`, 'keys', async (page) => {
    if (page === 1) await createApiKey(db, { accountId, name: 'meanwhile' })
  })
  assert.deepEqual([keys.length, new Set(keys).size], [6, 6])
  const accounts = await followed('adminListAccounts', '/v1/admin/accounts?limit=2', 'accounts')
  assert.deepEqual(accounts.slice(0, 3), [...oldest].sort())
  const all = await db.selectFrom('accounts').select('id').execute()
  assert.deepEqual([...accounts].sort(), all.map(({ id }) => id).sort())
})

/** Ids, page by page. */
async function followed(
  name: RouteName,
  path: string,
  rows: 'accounts' | 'keys',
  afterPage: (page: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  for (let page = 1; page === 1 || cursor !== null; page++) {
    const { json } = await call(name, cursor === null ? path : `${path}&cursor=${cursor}`)
    assert.ok(json[rows].length > 0 && json[rows].length <= 2)
    ids.push(...json[rows].map(({ id }: { id: string }) => id))
    cursor = json.next
    await afterPage(page)
  }
  return ids
}

test('jobs are listed in pages, shown, cancelled and requeued', async () => {
  const customer = await makeAccount(db)
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    const job = makeQueuedJob(customer, {
      mode: 'async',
      maxAttempts: 1,
      request: { text: `Text ${i}`, reference: 'x'.repeat(900) },
    })
    // Not before an hour has gone by: the worker of this test would take them.
    await db.transaction().execute(async (transaction) => {
      await submitJob(transaction, job)
      await sql`update jobs set run_at = now() + interval '1 hour' where id = ${job.id}`.execute(transaction)
    })
    ids.push(job.id)
  }
  const seen: string[] = []
  for (let cursor = ''; ; ) {
    const url = `/v1/admin/jobs?account=${customer.accountId}&limit=2${cursor}`
    const { json } = await call('adminListJobs', url)
    seen.push(...json.jobs.map(({ id }: { id: string }) => id))
    if (json.next === null) break
    cursor = `&cursor=${json.next}`
  }
  assert.deepEqual(seen, ids.reverse())

  const [first = '', second = ''] = ids
  const shown = await call('adminFindJob', `/v1/admin/jobs/${first}`)
  assert.equal(shown.json.request.text, 'Text 4')
  assert.ok(shown.json.request.reference.length < 600)
  const cancelled = await call('adminCancelJob', `/v1/admin/jobs/${first}/cancel`)
  assert.equal(cancelled.json.state, 'cancelled')

  await sql`
    with dead as (
      update jobs set state = 'failed', run_at = null, attempts = 1, finished_at = now(),
        error_code = 'unavailable', error_message = 'Its worker is gone.'
      where id = ${second} returning account_id, hold_micro
    )
    update accounts set held_micro = held_micro - hold_micro from dead where id = account_id`.execute(db)
  const dead = await call('adminListJobs', `/v1/admin/jobs?state=dead&account=${customer.accountId}`)
  assert.deepEqual(
    dead.json.jobs.map(({ id, dead }: { id: string; dead: boolean }) => [id, dead]),
    [[second, true]],
  )
  const requeued = await call('adminRequeueJob', `/v1/admin/jobs/${second}/requeue`)
  assert.deepEqual([requeued.json.state, requeued.json.attempts], ['queued', 0])
  const again = await call('adminRequeueJob', `/v1/admin/jobs/${first}/requeue`)
  assert.deepEqual(refusalOf(again), [400, 'invalid_parameter', 'id'])
})

test('workers are listed', async () => {
  const id = newId()
  await seenWorker(db, { id, host: 'tts-1', model: 'turbo', version: '1.0.0', slots: 4 })
  const { json } = await call('adminListWorkers', '/v1/admin/workers')
  const found = json.workers.find((worker: { id: string }) => worker.id === id)
  assert.deepEqual([found.host, found.model, found.version, found.slots], ['tts-1', 'turbo', '1.0.0', 4])
})

test('usage is what was asked for and paid, for the account alone, and for the operator of all', async () => {
  const busy = await buildScratchApp(db, { ADMIN_TOKEN: TOKEN })
  await busy.speak(VALID)
  await busy.speak({ ...VALID, text: 'Hello again.' })
  const usage = async (query: string, key = busy.account.key) =>
    (await app.inject({ url: `/v1/usage${query}`, headers: { 'x-api-key': key } })).json()
  const byDay = SCHEMAS.Usage.parse(await usage(''))
  assert.deepEqual([byDay.group_by, byDay.usage.length, byDay.total.requests], ['day', 1, 2])
  assert.ok(byDay.total.cost > 0 && byDay.total.audio_seconds > 0)
  const byKey = await usage('?group_by=key')
  assert.deepEqual([byKey.usage[0].group, byKey.usage[0].name], [busy.account.apiKeyId, 'test'])
  assert.deepEqual((await usage('', (await makeAccount(db)).key)).usage, [], 'nothing of anybody else')
  assert.deepEqual((await usage('?from=2020-01-01&to=2020-12-31')).usage, [])
  const all = await call('adminUsage', '/v1/admin/usage?group_by=account')
  const ours = all.json.usage.find(({ group }: { group: string }) => group === busy.account.accountId)
  assert.equal(ours.cost, byDay.total.cost)
  const one = await call('adminUsage', `/v1/admin/usage?account=${busy.account.accountId}&group_by=model`)
  assert.deepEqual(one.json.total, byDay.total)
})

test('every change over the API is in the audit log, with the address it came from', async () => {
  const { accountId } = await makeAccount(db)
  await call('adminChangeAccount', `/v1/admin/accounts/${accountId}`, { retention: 'none' })
  await call('adminChangeCredits', `/v1/admin/accounts/${accountId}/credits`, { amount: 1, note: 'thanks' })
  const first = await call('adminAudit', `/v1/admin/audit?account=${accountId}&limit=1`)
  const second = await call('adminAudit', `/v1/admin/audit?account=${accountId}&limit=1&cursor=${first.json.next}`)
  const [grant, update] = [first.json.entries[0], second.json.entries[0]]
  assert.deepEqual([grant.action, grant.actor, grant.note], ['credits.grant', 'api:127.0.0.1', 'thanks'])
  assert.deepEqual([update.action, update.after.retention, second.json.next], ['account.update', 'none', null])
})

test('what is no id, cursor, day or number is refused or not found, never looked up', async () => {
  const hostile = ["'%20or%20true--", '%00', '..%2f..', newId().toUpperCase(), `${newId()}%00`, '%F0%9F%98%80']
  for (const id of hostile) {
    assert.equal((await call('adminFindAccount', `/v1/admin/accounts/${id}`)).status, 404, id)
    assert.equal((await call('adminRevokeKey', `/v1/admin/keys/${id}`)).status, 404, id)
    assert.equal((await call('adminChangeKey', `/v1/admin/keys/${id}`, { max_concurrent: 1 })).status, 404, id)
    assert.equal((await call('adminFindJob', `/v1/admin/jobs/${id}`)).status, 404, id)
    assert.equal((await call('adminCancelJob', `/v1/admin/jobs/${id}/cancel`)).status, 404, id)
    const credits = await call('adminChangeCredits', `/v1/admin/accounts/${id}/credits`, { amount: 1, note: 'x' })
    assert.equal(credits.status, 404, id)
  }
  const wrong: readonly [RouteName, string, string][] = [
    ['adminListJobs', 'limit=0', 'limit'],
    ['adminListJobs', 'limit=201', 'limit'],
    ['adminListJobs', 'limit=1.5', 'limit'],
    ['adminListJobs', 'limit=1&limit=2', 'limit'],
    ['adminListJobs', "cursor=1'or'1", 'cursor'],
    ['adminListJobs', `cursor=99999999999999999-${newId()}`, 'cursor'],
    ['adminListJobs', 'state=everything', 'state'],
    ['adminListJobs', "account=x'--", 'account'],
    ['adminListJobs', 'created_after=yesterday', 'created_after'],
    ['adminListKeys', 'account=%00', 'account'],
    ['adminListKeys', 'limit=0', 'limit'],
    ['adminListKeys', 'cursor=17', 'cursor'],
    ['adminListAccounts', 'limit=many', 'limit'],
    ['adminListAccounts', `cursor=${newId()}`, 'cursor'],
    ['adminAudit', 'cursor=-1', 'cursor'],
    ['adminAudit', 'target=1', 'target'],
    ['adminUsage', 'from=2026-02-30', 'from'],
    ['adminUsage', 'from=0000-01-01', 'from'],
    ['adminUsage', 'to=now', 'to'],
    ['adminUsage', 'from=2026-02-02&to=2026-02-01', 'from'],
    ['adminUsage', 'group_by=hour', 'group_by'],
    ['adminUsage', 'account=%00', 'account'],
  ]
  for (const [name, query, param] of wrong) {
    const { path } = ROUTES[name]
    assert.deepEqual(refusalOf(await call(name, `${path}?${query}`)), [400, 'invalid_parameter', param], query)
  }
  const noUsage = await app.inject({ url: '/v1/usage?group_by=account', headers: { 'x-api-key': account.key } })
  assert.deepEqual([noUsage.statusCode, noUsage.json().param], [400, 'group_by'])
})

test('bodies that are wrong are refused by the name of what is wrong', async () => {
  const accountPath = `/v1/admin/accounts/${account.accountId}`
  const wrong: readonly [RouteName, string, object, string, string][] = [
    ['adminCreateAccount', '/v1/admin/accounts', {}, 'missing_parameter', 'name'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: ' ' }, 'invalid_parameter', 'name'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: 'a\u0000b' }, 'invalid_parameter', 'name'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: '\u001b[2J' }, 'invalid_parameter', 'name'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: 'x'.repeat(101) }, 'invalid_parameter', 'name'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: 'x', credits: -1 }, 'invalid_parameter', 'credits'],
    ['adminCreateAccount', '/v1/admin/accounts', { name: 'x', credits: 1e300 }, 'invalid_parameter', 'credits'],
    ['adminChangeAccount', accountPath, { suspended: 'yes' }, 'invalid_parameter', 'suspended'],
    ['adminChangeAccount', accountPath, { retention: 'forever' }, 'invalid_parameter', 'retention'],
    ['adminChangeAccount', accountPath, { result_ttl_hours: 0 }, 'invalid_parameter', 'result_ttl_hours'],
    ['adminChangeCredits', `${accountPath}/credits`, { amount: 1 }, 'missing_parameter', 'note'],
    ['adminChangeCredits', `${accountPath}/credits`, { amount: 0, note: 'x' }, 'invalid_parameter', 'amount'],
    ['adminChangeCredits', `${accountPath}/credits`, { amount: '1', note: 'x' }, 'invalid_parameter', 'amount'],
    [
      'adminCreateKey',
      '/v1/admin/keys',
      { account: newId(), name: 'x', rate_limit_rpm: -1 },
      'invalid_parameter',
      'rate_limit_rpm',
    ],
    ['adminCreateKey', '/v1/admin/keys', { account: 'x', name: 'x' }, 'invalid_parameter', 'account'],
    [
      'adminChangeKey',
      `/v1/admin/keys/${account.apiKeyId}`,
      { max_concurrent: 0 },
      'invalid_parameter',
      'max_concurrent',
    ],
  ]
  for (const [name, path, body, code, param] of wrong) {
    assert.deepEqual(refusalOf(await call(name, path, body)), [400, code, param], JSON.stringify(body).slice(0, 80))
  }
  const unknown = await call('adminCreateKey', '/v1/admin/keys', { account: newId(), name: 'x' })
  assert.deepEqual(refusalOf(unknown), [404, 'not_found', undefined])
})
