// GET /v1/get-user-credits: the balance, which is also how clients test a key.
import { findBalance } from '../../billing/accounts.ts'
import { creditsFromMicro } from '../../billing/prices.ts'
import type { Credits } from '../../contract/account.ts'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import { AppError, invariant } from '../../errors.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function findCredits({ db }: Services): Handler {
  return async (request) => {
    const { caller } = request
    invariant(caller, 'a balance belongs to a caller')
    const balance = await findBalance(db, caller.accountId)
    if (!balance) throw new AppError('credits_not_found', KNOWN_TEXTS.noCredits)
    return { credits: creditsFromMicro(balance.balanceMicro), 'free-credits': 0 } satisfies Credits
  }
}
