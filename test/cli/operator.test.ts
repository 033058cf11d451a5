// The commands of whoever runs the server: what they do is what the API does, and they read well on a terminal.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { formatTable } from '../../src/cli/table.ts'
import { SCHEMAS } from '../../src/contract/schemas.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeQueuedJob } from '../harness/accounts.ts'
import { runCommand } from '../harness/command.ts'
import { openTestDatabase } from '../harness/database.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db, connection } = await openTestDatabase()
const DATABASE_URL =
  'url' in connection
    ? connection.url
    : `postgres://${connection.user}@localhost:5432/${connection.database}?host=${encodeURIComponent(connection.socketFolder)}`

const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))

async function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { code, stdout, stderr } = await runCommand(args, {
    DATABASE_URL,
    BLOB_URL: pathToFileURL(folder).href,
    LOG_LEVEL: 'error',
  })
  return { code, out: stdout.toString(), err: stderr }
}
async function runWell(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args)
  assert.equal(code, 0, err)
  return out
}
const json = async (...args: string[]) => JSON.parse(await runWell(...args, '--json'))

test('without an account, lists say so', async () => {
  assert.equal(await runWell('accounts', 'list'), 'There is no account yet.\n')
  assert.equal(await runWell('jobs', 'list'), 'No such requests.\n')
  assert.equal(await runWell('audit'), 'No changes yet.\n')
  assert.equal(await runWell('workers'), 'No worker is there.\n')
  assert.match(await runWell('usage'), /^Nothing was used from \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\.\n$/)
})

test('an account is made, shown, changed, suspended and resumed, by name or by id', async () => {
  const made = SCHEMAS.Account.parse(await json('accounts', 'create', 'acme', '--credits', '3', '--retention', 'none'))
  assert.deepEqual([made.name, made.credits, made.retention], ['acme', 3, 'none'])
  assert.match(
    await runWell('accounts', 'show', made.id),
    /^Account +acme\nId +[0-9a-f]{32}\nState +active\nCredits +3\.0, /,
  )
  await runWell('accounts', 'set', 'acme', '--result-ttl-hours', '24', '--retention', 'normal')
  assert.match(await runWell('accounts', 'suspend', 'acme'), /^State +suspended \d{4}-/m)
  const list = await runWell('accounts', 'list')
  assert.match(
    list,
    /^ID +NAME +CREDITS +HELD +RETENTION +RESULTS +CREATED +STATE\n[0-9a-f]{32} {2}acme +3\.0 +0\.0 +normal +24 h +\S+ {2}suspended/,
  )
  assert.equal((await json('accounts', 'resume', 'acme')).suspended_at, null)
  assert.equal((await json('accounts', 'set', 'acme', '--result-ttl-hours', 'default')).result_ttl_hours, null)
})

test('keys and credits are managed with limits and notes', async () => {
  const { id, key } = SCHEMAS.MadeApiKey.parse(
    await json('keys', 'create', 'app', '--rpm', '10', '--max-concurrent', '2'),
  )
  assert.match(key, /^cb_/)
  assert.match(await runWell('keys', 'limit', id, '--rpm', '0'), /no limit +2/)
  assert.equal((await json('credits', 'grant', '2', '--note', 'invoice 7')).credits, 5)
  assert.equal(await runWell('credits', 'grant', '--', '-1'), '4.0 credits\n')
  assert.equal((await json('credits', 'show')).credits, 4)
  assert.equal((await json('keys', 'list')).keys.length, 1)
  assert.equal(await runWell('keys', 'revoke', id), `Revoked ${id}.\n`)
})

test('jobs are listed, shown, cancelled and requeued', async () => {
  const accountId = (await json('accounts', 'show', 'acme')).id
  const { id: apiKeyId } = (await json('keys', 'list')).keys[0]
  const account = { accountId, apiKeyId, key: '' }
  const [waiting, dead] = [makeQueuedJob(account, { mode: 'async' }), makeQueuedJob(account, { maxAttempts: 1 })]
  for (const job of [waiting, dead]) await submitJob(db, job)
  const claimed = await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 0, leaseSeconds: 60 })
  const leaseToken = claimed[0]?.leaseToken ?? ''
  await releaseJob(db, { id: dead.id, leaseToken, delaySeconds: 0, countAttempt: true })

  const list = await runWell('jobs', 'list')
  assert.match(
    list,
    new RegExp(`^${dead.id} +\\d+ s {2}failed \\(dead\\) +sync +acme +100 +1/1 +0\\.0 {2}unavailable$`, 'm'),
  )
  assert.deepEqual(
    (await json('jobs', 'list', '--state', 'dead')).jobs.map((job: { id: string }) => job.id),
    [dead.id],
  )
  assert.deepEqual((await json('jobs', 'list', '--since', '1h', '--before', '30m')).jobs, [])
  assert.match(await runWell('jobs', 'list', '--limit', '1'), /There are more: use --limit, or --before 20/)
  assert.match(await runWell('jobs', 'show', dead.id), /^Request +{"text":"Hello\."}$/m)
  assert.equal((await json('jobs', 'requeue', dead.id)).state, 'queued')
  for (const { id } of [waiting, dead]) assert.match(await runWell('jobs', 'cancel', id), /^State +cancelled$/m)
  const again = await run('jobs', 'requeue', dead.id)
  assert.deepEqual([again.code, again.err.split(':')[0]], [1, 'error'])
})

test('with a cancelled request of retention none goes its recording', async () => {
  const { id: accountId } = await json('accounts', 'show', 'acme')
  const { id: apiKeyId } = (await json('keys', 'list')).keys[0]
  const blobs = createFileBlobs(folder)
  const inputBlobKey = `inputs/${newId()}`
  await blobs.put(inputBlobKey, Buffer.from('a recording'))
  const job = makeQueuedJob({ accountId, apiKeyId, key: '' }, { mode: 'async', retention: 'none', inputBlobKey })
  await submitJob(db, job)
  assert.equal((await json('jobs', 'cancel', job.id)).state, 'cancelled')
  assert.equal(await blobs.read(inputBlobKey), undefined)
})

test('usage is a table with a total', async () => {
  const { id: accountId } = await json('accounts', 'show', 'acme')
  const { id: apiKeyId } = (await json('keys', 'list')).keys[0]
  await db
    .insertInto('usage_days')
    .values({
      day: new Date('2026-03-01'),
      account_id: accountId,
      api_key_id: apiKeyId,
      model: 'turbo',
      requests: 1200,
      failed: 3,
      characters: 98_765,
      audio_seconds: 6543.21,
      cost_micro: 4_938_250,
    })
    .execute()
  const out = await runWell(
    'usage',
    '--from',
    '2026-02-15',
    '--to',
    '2026-03-15',
    '--by',
    'account',
    '--account',
    'acme',
  )
  const [headings, row, total] = out.split('\n')
  assert.match(headings ?? '', /^ACCOUNT +REQUESTS {2}FAILED {2}CHARACTERS {2}AUDIO SECONDS +COST$/)
  assert.match(row ?? '', /^acme \([0-9a-f]{32}\) +1,200 +3 +98,765 +6,543\.2 {2}4\.9383$/)
  assert.match(total ?? '', /^total +1,200 +3 +98,765 +6,543\.2 {2}4\.9383$/)
  assert.equal(row?.length, total?.length)
})

test('every change of the command line is in the audit log, with who made it and where', async () => {
  const { entries } = SCHEMAS.Audit.parse(await json('audit', '--account', 'acme', '--limit', '100'))
  const made = entries.map(({ action }) => action)
  for (const action of [
    'account.create',
    'account.update',
    'account.suspend',
    'account.resume',
    'key.create',
    'key.limit',
    'key.revoke',
    'credits.grant',
    'job.cancel',
    'job.requeue',
  ]) {
    assert.ok(made.includes(action), action)
  }
  assert.ok(entries.every(({ actor }) => actor === `cli:${os.userInfo().username}@${os.hostname()}`))
  const table = await runWell('audit')
  assert.match(table, /credits\.grant +acme +credits: 3\.0 → 5\.0 “invoice 7”$/m)
})

test('what is wrong is one line, and nothing has happened', async () => {
  for (const [args, words] of [
    [['accounts', 'create', 'acme'], /already an account named acme/],
    [['accounts', 'create', '\u001b[2J'], /none of them a control character/],
    [['accounts', 'suspend', "x' or '1'='1"], /There is no account x' or/],
    [['accounts', 'set', 'acme'], /Nothing to change/],
    [['accounts', 'create', 'b', '--credits', '-1'], /number of credits between/],
    [['credits', 'grant', '--', '-9999'], /4\.0 credits that no open request holds; 9999\.0 cannot be taken/],
    [['credits', 'grant', ''], /number of credits other than 0/],
    [['keys', 'limit', newId(), '--rpm', '1'], /no such API key/],
    [['keys', 'revoke', 'nothing'], /no such API key/],
    [['jobs', 'show', "' or 1=1 --"], /no such request/],
    [['jobs', 'list', '--since', 'yesterday'], /30m, 2h or 7d/],
    [['jobs', 'list', '--state', 'lost'], /Allowed choices/],
    [['usage', '--from', '2026-02-30'], /a day such as/],
  ] as const) {
    const { code, out, err } = await run(...args)
    assert.deepEqual([code, out], [1, ''], args.join(' '))
    assert.match(err, words)
    assert.doesNotMatch(err, /^ {4}at /m)
  }
})

test('a table shows what somebody has typed without obeying it, and keeps wide characters in line', () => {
  assert.equal(formatTable(['A', 'B'], [['\u001b[31mred\n', 'x']]), 'A          B\n\ufffd[31mred\ufffd  x')
  assert.equal(
    formatTable(
      ['NAME', 'N'],
      [
        ['語音', '1'],
        ['e\u0301', '22'],
        ['🙂', '333'],
      ],
      { right: ['N'] },
    ),
    'NAME    N\n語音    1\ne\u0301      22\n🙂    333'.replace('e\u0301      22', 'e\u0301      22'),
  )
})
