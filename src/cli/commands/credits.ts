// `chatterbox credits`: what an account has, what it spent, and giving it more.
import { Command, InvalidArgumentError } from 'commander'
import { changeCredits } from '../../admin/accounts.ts'
import { describeAccount } from '../../admin/describe.ts'
import { findAccount as findAccountById } from '../../billing/accounts.ts'
import { formatCredits, microFromCredits } from '../../billing/prices.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { jsonOption, lineOfText, operatorAt, printJson } from '../operator.ts'

const amount = (value: string): number => {
  const number = Number(value)
  if (value.trim() === '' || !(Math.abs(number) <= 1_000_000) || microFromCredits(number) === 0)
    throw new InvalidArgumentError('It must be a number of credits other than 0, at most 1000000.')
  return microFromCredits(number)
}

export const creditsCommand = (): Command =>
  new Command('credits')
    .description('Show credits (US dollars) and grant more.')
    .addCommand(
      new Command('show')
        .description('Balance, and what requests in flight hold of it.')
        .option('--account <id>', 'account, where there are several')
        .addOption(jsonOption())
        .action((options: { account?: string; json?: boolean }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const balance = await findAccountById(db, accountId)
            if (options.json && balance) return printJson(describeAccount(balance))
            console.log(
              `${formatCredits(balance?.balanceMicro ?? 0)} credits, ${formatCredits(balance?.heldMicro ?? 0)} held`,
            )
          }),
        ),
    )
    .addCommand(
      new Command('grant')
        .description('Add credits; a negative amount, after --, takes them away.')
        .argument('<amount>', 'in credits', amount)
        .option('--account <id>', 'account, where there are several')
        .option('--note <text>', 'why, for the ledger and the audit log', lineOfText(500), 'granted by the operator')
        .addOption(jsonOption())
        .action((amountMicro: number, options: { account?: string; note: string; json?: boolean }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const account = await changeCredits(operatorAt(db), accountId, amountMicro, options.note)
            if (options.json) return printJson(describeAccount(account))
            console.log(`${formatCredits(account.balanceMicro)} credits`)
          }),
        ),
    )
