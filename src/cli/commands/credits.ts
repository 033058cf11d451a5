// `chatterbox credits`: what an account has, what it spent, and giving it more.
import { Command, InvalidArgumentError } from 'commander'
import { findBalance } from '../../billing/accounts.ts'
import { grantCredits } from '../../billing/ledger.ts'
import { formatCredits, microFromCredits } from '../../billing/prices.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'

const amount = (value: string): number => {
  const number = Number(value)
  if (!Number.isFinite(number) || number === 0)
    throw new InvalidArgumentError('It must be a number of credits other than 0.')
  return microFromCredits(number)
}

export const creditsCommand = (): Command =>
  new Command('credits')
    .description('Show credits (US dollars) and grant more.')
    .addCommand(
      new Command('show')
        .description('Balance, and what requests in flight hold of it.')
        .option('--account <id>', 'account, where there are several')
        .action((options: { account?: string }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const balance = await findBalance(db, accountId)
            console.log(
              `${formatCredits(balance?.balanceMicro ?? 0)} credits, ${formatCredits(balance?.heldMicro ?? 0)} held`,
            )
          }),
        ),
    )
    .addCommand(
      new Command('grant')
        .description('Add credits; a negative amount takes them away.')
        .argument('<amount>', 'in credits', amount)
        .option('--account <id>', 'account, where there are several')
        .option('--note <text>', 'why, for the ledger', 'granted by the operator')
        .action((amountMicro: number, options: { account?: string; note: string }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const { balanceMicro } = await grantCredits(db, accountId, amountMicro, options.note)
            console.log(`${formatCredits(balanceMicro)} credits`)
          }),
        ),
    )
