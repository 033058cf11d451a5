// `chatterbox jobs`: requests of all accounts: listed, looked at, cancelled, tried again.
import path from 'node:path'
import { Command, Option } from 'commander'
import { describeJob, describeJobDetail } from '../../admin/describe.ts'
import { cancelJob, requeueJob, requireJob } from '../../admin/jobs.ts'
import { listAccounts } from '../../billing/accounts.ts'
import { formatCredits } from '../../billing/prices.ts'
import { readConfig } from '../../config.ts'
import { findJob, type JobMode } from '../../jobs/job.ts'
import { JOB_STATES, type JobFilter, type JobSummary, listJobs } from '../../jobs/list.ts'
import { forgetInput } from '../../jobs/sweep.ts'
import { createLog } from '../../log.ts'
import { openBlobs } from '../../storage/open-blobs.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { age, jsonOption, minute, operatorAt, printJson, timeArgument, wholeNumber } from '../operator.ts'
import { formatFacts, formatTable, printable } from '../table.ts'

interface ListOptions {
  readonly state?: JobFilter['state']
  readonly mode?: JobMode
  readonly account?: string
  readonly since?: Date
  readonly before?: Date
  readonly limit: number
  readonly json?: boolean
}

interface OneOptions {
  readonly json?: boolean
}

export const jobsCommand = (): Command =>
  new Command('jobs')
    .description('List, inspect, cancel and requeue requests of all accounts.')
    .addCommand(
      new Command('list')
        .description('List requests, the newest first.')
        .addOption(
          new Option('--state <state>', 'only these; dead: failed, and can be requeued').choices([
            ...JOB_STATES,
            'dead',
          ]),
        )
        .addOption(new Option('--mode <mode>', 'only these').choices(['sync', 'async']))
        .option('--account <account>', 'only those of the account with this name or id')
        .option('--since <time>', 'only newer ones: 30m, 2h, 7d or a time', timeArgument)
        .option('--before <time>', 'only older ones', timeArgument)
        .option('--limit <number>', 'at most so many', wholeNumber(1), 50)
        .addOption(jsonOption())
        .action(list),
    )
    .addCommand(
      onOne('show', 'Show a request with what was asked for.', (id, options) =>
        withDatabase(async (db) => {
          const summary = await requireJob(db, id)
          const job = await findJob(db, undefined, id)
          const detail = describeJobDetail(summary, job)
          if (options.json) return printJson(detail)
          console.log(factsOf(summary))
          console.log(`Request   ${printable(JSON.stringify(detail.request))}`)
          if (detail.result !== null) console.log(`Result    ${printable(JSON.stringify(detail.result))}`)
        }),
      ),
    )
    .addCommand(onOne('cancel', 'Cancel a request that waits or runs; its hold is released.', cancel))
    .addCommand(
      onOne('requeue', 'Try a dead request again; its price is held anew.', (id, options) =>
        withDatabase(async (db) => printOne(await requeueJob(operatorAt(db), id), options)),
      ),
    )

function onOne(name: string, description: string, action: (id: string, options: OneOptions) => Promise<void>): Command {
  return new Command(name)
    .description(description)
    .argument('<id>', 'id of the request')
    .addOption(jsonOption())
    .action((id: string, options: OneOptions) => action(id.replaceAll('-', '').toLowerCase(), options))
}

function cancel(id: string, options: OneOptions): Promise<void> {
  const config = readConfig()
  return withDatabase(async (db) => {
    const job = await cancelJob(operatorAt(db), id)
    if (job.retention === 'none') {
      await using blobs = await openBlobs({ ...config, DATA_DIR: path.resolve(config.DATA_DIR) })
      await forgetInput({ db, blobs, log: createLog(config) }, job)
    }
    printOne(job, options)
  }, config)
}

const list = (options: ListOptions): Promise<void> =>
  withDatabase(async (db) => {
    const { state, mode, since, before, limit } = options
    const accountId = options.account === undefined ? undefined : await findAccount(db, options.account)
    const filter = { state, mode, accountId, createdAfter: since, createdBefore: before }
    const { jobs, next } = await listJobs(db, filter, { limit })
    if (options.json)
      return printJson({ jobs: jobs.map(describeJob), next: next ? `${next.createdUs}-${next.id}` : null })
    if (jobs.length === 0) return console.log('No such requests.')
    const names = new Map((await listAccounts(db)).map(({ id, name }) => [id, name]))
    const rows = jobs.map((job) => [
      job.id,
      age(job.createdAt),
      stateOf(job),
      job.mode,
      names.get(job.accountId) ?? job.accountId,
      String(job.characters),
      `${job.attempts}/${job.maxAttempts}`,
      formatCredits(job.chargedMicro),
      job.errorCode ?? '',
    ])
    const headings = ['ID', 'AGE', 'STATE', 'MODE', 'ACCOUNT', 'CHARACTERS', 'ATTEMPTS', 'COST', 'ERROR']
    console.log(formatTable(headings, rows, { right: ['AGE', 'CHARACTERS', 'ATTEMPTS', 'COST'] }))
    if (next) console.log(`\nThere are more: use --limit, or --before ${jobs.at(-1)?.createdAt.toISOString()}.`)
  })

function printOne(job: JobSummary, { json }: OneOptions): void {
  if (json) printJson(describeJob(job))
  else console.log(factsOf(job))
}

const stateOf = ({ state, isDead, cancelRequested }: JobSummary): string => {
  if (isDead) return 'failed (dead)'
  return state === 'running' && cancelRequested ? 'running (to be cancelled)' : state
}

const factsOf = (job: JobSummary): string =>
  formatFacts([
    ['Request', job.id],
    ['State', stateOf(job)],
    ...(job.errorMessage === null ? [] : [['Error', `${job.errorCode}: ${job.errorMessage}`] as const]),
    ['Account', job.accountId],
    ['Key', job.apiKeyId],
    ['Size', `${job.characters} characters, ${job.mode}, retention ${job.retention}`],
    ['Attempts', `${job.attempts} of ${job.maxAttempts}`],
    ['Worker', job.workerId === null ? 'none yet' : `${job.workerId}${job.model === null ? '' : `, ${job.model}`}`],
    ['Cost', `${formatCredits(job.chargedMicro)} charged, ${formatCredits(job.holdMicro)} at most`],
    ['Created', minute(job.createdAt)],
    ['Started', job.startedAt === null ? 'not yet' : minute(job.startedAt)],
    ['Finished', job.finishedAt === null ? 'not yet' : minute(job.finishedAt)],
    ['Expires', minute(job.expiresAt)],
  ])
