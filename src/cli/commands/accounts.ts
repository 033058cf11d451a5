// `chatterbox accounts`: make, list, suspend and set up accounts, with or without a running server.
import { Command, InvalidArgumentError } from 'commander'
import { changeAccount, createAccount } from '../../admin/accounts.ts'
import { describeAccount } from '../../admin/describe.ts'
import { type Account, type AccountChanges, listAccounts } from '../../billing/accounts.ts'
import { formatCredits, microFromCredits } from '../../billing/prices.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import {
  day,
  jsonOption,
  lineOfText,
  minute,
  nullForDefault,
  operatorAt,
  printJson,
  retentionOption,
  wholeNumberOrDefault,
} from '../operator.ts'
import { formatFacts, formatTable } from '../table.ts'
import { UsageError } from '../usage-error.ts'

interface Printing {
  readonly json?: boolean
}
interface Settings extends Printing {
  readonly name?: string
  readonly retention?: 'normal' | 'none'
  readonly resultTtlHours?: number | 'default'
}

const firstCredits = (value: string): number => {
  const number = Number(value)
  if (value.trim() === '' || !(number >= 0 && number <= 1_000_000))
    throw new InvalidArgumentError('It must be a number of credits between 0 and 1000000.')
  return microFromCredits(number)
}
const ttlHours = wholeNumberOrDefault(1)
const NAME = lineOfText(100)

export const accountsCommand = (): Command =>
  new Command('accounts')
    .description('Make, list, suspend and set up accounts.')
    .addCommand(
      new Command('list')
        .description('List the accounts, the oldest first.')
        .addOption(jsonOption())
        .action(({ json }: Printing) =>
          withDatabase(async (db) => {
            const accounts = await listAccounts(db)
            if (json) return printJson({ accounts: accounts.map(describeAccount), next: null })
            console.log(accounts.length === 0 ? 'There is no account yet.' : tableOf(accounts))
          }),
        ),
    )
    .addCommand(
      new Command('create')
        .description('Make an account. `chatterbox keys create --account` gives it a key.')
        .argument('<name>', 'what it is called', NAME)
        .option('--credits <amount>', 'its first credits, in US dollars', firstCredits, 0)
        .addOption(retentionOption())
        .option('--result-ttl-hours <hours>', 'how long its results are kept, or `default`', ttlHours)
        .addOption(jsonOption())
        .action((name: string, options: Settings & { credits: number }) =>
          withDatabase(async (db) =>
            print(
              await createAccount(operatorAt(db), { ...changesOf(options), name, creditsMicro: options.credits }),
              options,
            ),
          ),
        ),
    )
    .addCommand(
      new Command('show')
        .description('Show an account.')
        .argument('[account]', 'its name or id, where there are several')
        .addOption(jsonOption())
        .action((account: string | undefined, options: Printing) =>
          withDatabase(async (db) => {
            const id = await findAccount(db, account)
            const found = (await listAccounts(db)).find((candidate) => candidate.id === id)
            if (found) print(found, options)
          }),
        ),
    )
    .addCommand(
      changing('suspend', 'Refuse the keys of an account from now on. What is queued is still spoken.', () => ({
        suspended: true,
      })),
    )
    .addCommand(changing('resume', 'Take the keys of a suspended account again.', () => ({ suspended: false })))
    .addCommand(
      changing('set', 'Change what an account is called and how long its results are kept.', (options) => {
        const changes = changesOf(options)
        if (Object.values(changes).every((value) => value === undefined))
          throw new UsageError('Nothing to change: use --name, --retention or --result-ttl-hours.')
        return changes
      })
        .option('--name <name>', 'what it is called', NAME)
        .addOption(retentionOption())
        .option('--result-ttl-hours <hours>', 'how long its results are kept, or `default`', ttlHours),
    )

const changesOf = ({ name, retention, resultTtlHours }: Settings): AccountChanges => ({
  name,
  retention,
  resultTtlHours: nullForDefault(resultTtlHours),
})

function changing(name: string, description: string, wantedBy: (options: Settings) => AccountChanges): Command {
  return new Command(name)
    .description(description)
    .argument('<account>', 'its name or id')
    .addOption(jsonOption())
    .action((account: string, options: Settings) =>
      withDatabase(async (db) => {
        const changes = wantedBy(options)
        print(await changeAccount(operatorAt(db), await findAccount(db, account), changes), options)
      }),
    )
}

function print(account: Account, { json }: Printing): void {
  if (json) printJson(describeAccount(account))
  else console.log(factsOf(account))
}

const factsOf = (account: Account): string =>
  formatFacts([
    ['Account', account.name],
    ['Id', account.id],
    ['State', stateOf(account, minute)],
    [
      'Credits',
      `${formatCredits(account.balanceMicro)}, ${formatCredits(account.heldMicro)} of it held by open requests`,
    ],
    ['Retention', account.retention],
    ['Results', account.resultTtlHours === null ? 'kept for RESULT_TTL_HOURS' : `kept for ${account.resultTtlHours} h`],
    ['Created', minute(account.createdAt)],
  ])

function tableOf(accounts: readonly Account[]): string {
  const rows = accounts.map((account) => [
    account.id,
    account.name,
    formatCredits(account.balanceMicro),
    formatCredits(account.heldMicro),
    account.retention,
    account.resultTtlHours === null ? 'default' : `${account.resultTtlHours} h`,
    day(account.createdAt),
    stateOf(account, day),
  ])
  const headings = ['ID', 'NAME', 'CREDITS', 'HELD', 'RETENTION', 'RESULTS', 'CREATED', 'STATE']
  return formatTable(headings, rows, { right: ['CREDITS', 'HELD', 'RESULTS'] })
}

const stateOf = ({ suspendedAt }: Account, write: (date: Date) => string): string =>
  suspendedAt === null ? 'active' : `suspended ${write(suspendedAt)}`
