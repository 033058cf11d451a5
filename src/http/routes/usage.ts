// GET /v1/usage: what the caller's account has used.
import { reportUsage } from '../../admin/usage-report.ts'
import { usageQuerySchema } from '../../contract/usage.ts'
import { validate } from '../../contract/validate.ts'
import { invariant } from '../../errors.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function findUsage({ db }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'usage belongs to a caller')
    const { from, to, group_by: groupBy } = validate(usageQuerySchema, request.query)
    reply.header('cache-control', 'no-store')
    return reportUsage(db, { accountId: caller.accountId, from, to, groupBy })
  }
}
