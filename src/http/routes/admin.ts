// /v1/admin: accounts, keys, credits, jobs, workers, usage and the audit log, for whoever has ADMIN_TOKEN. routing.ts asks for it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { changeAccount, changeCredits, createAccount } from '../../admin/accounts.ts'
import { changeApiKeyLimits, createApiKey, revokeApiKey } from '../../admin/api-keys.ts'
import { listAudit, type Operator } from '../../admin/audit-log.ts'
import {
  describeAccount,
  describeApiKey,
  describeAuditEntry,
  describeJob,
  describeJobDetail,
  describeWorkers,
} from '../../admin/describe.ts'
import { cancelJob, requeueJob, requireJob } from '../../admin/jobs.ts'
import { reportUsage } from '../../admin/usage-report.ts'
import { findAccount, pageAccounts } from '../../billing/accounts.ts'
import { pageApiKeys } from '../../billing/api-keys.ts'
import { microFromCredits } from '../../billing/prices.ts'
import {
  accountChangesSchema,
  accountQuerySchema,
  creditChangeSchema,
  newAccountSchema,
} from '../../contract/admin-accounts.ts'
import { jobQuerySchema } from '../../contract/admin-jobs.ts'
import { keyLimitsSchema, keyQuerySchema, newKeySchema } from '../../contract/admin-keys.ts'
import { auditQuerySchema } from '../../contract/admin-operation.ts'
import { adminUsageQuerySchema } from '../../contract/usage.ts'
import { validate } from '../../contract/validate.ts'
import { AppError } from '../../errors.ts'
import { findJob } from '../../jobs/job.ts'
import { listJobs } from '../../jobs/list.ts'
import { forgetInput } from '../../jobs/sweep.ts'
import { findWorkers } from '../../jobs/workers.ts'
import { isId } from '../../storage/ids.ts'
import type { Place } from '../../storage/pages.ts'
import type { ParsedBody } from '../body.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { readRequestId } from '../request-id.ts'
import type { Handlers } from '../routing.ts'
import type { Services } from '../services.ts'

type AdminRoute = Extract<keyof Handlers, `admin${string}`>

export function buildAdminHandlers(services: Services): Pick<Handlers, AdminRoute> {
  const { db } = services
  const operatorOf = (request: FastifyRequest): Operator => ({ db, actor: `api:${request.ip}` })
  /** Nothing of this belongs into a cache. */
  const answer =
    (handle: (request: FastifyRequest) => Promise<unknown>) => async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('cache-control', 'no-store')
      return handle(request)
    }

  return {
    adminListAccounts: answer(async (request) => {
      const { limit, cursor } = validate(accountQuerySchema, request.query)
      const { rows, next } = await pageAccounts(db, { limit, after: readPlace(cursor) })
      return { accounts: rows.map(describeAccount), next: writePlace(next) }
    }),
    adminCreateAccount: answer(async (request) => {
      const { name, credits, retention, result_ttl_hours: resultTtlHours } = readBody(newAccountSchema, request)
      const creditsMicro = microFromCredits(credits)
      return describeAccount(
        await createAccount(operatorOf(request), { name, creditsMicro, retention, resultTtlHours }),
      )
    }),
    adminFindAccount: answer(async (request) => {
      const account = await findAccount(db, idOf(request))
      if (!account) throw new AppError('not_found', 'There is no such account.')
      return describeAccount(account)
    }),
    adminChangeAccount: answer(async (request) => {
      const { result_ttl_hours: resultTtlHours, ...changes } = readBody(accountChangesSchema, request)
      return describeAccount(await changeAccount(operatorOf(request), idOf(request), { ...changes, resultTtlHours }))
    }),
    adminChangeCredits: answer(async (request) => {
      const { amount, note } = readBody(creditChangeSchema, request)
      const key = readIdempotencyKey(request.headers['idempotency-key'])
      return describeAccount(
        await changeCredits(operatorOf(request), idOf(request), microFromCredits(amount), note, key),
      )
    }),

    adminListKeys: answer(async (request) => {
      const { account, limit, cursor } = validate(keyQuerySchema, request.query)
      const { rows, next } = await pageApiKeys(db, account, { limit, after: readPlace(cursor) })
      return { keys: rows.map(describeApiKey), next: writePlace(next) }
    }),
    adminCreateKey: answer(async (request) => {
      const body = readBody(newKeySchema, request)
      const { apiKey, key } = await createApiKey(operatorOf(request), {
        accountId: body.account,
        name: body.name,
        rateLimitRpm: body.rate_limit_rpm ?? undefined,
        maxConcurrent: body.max_concurrent ?? undefined,
      })
      return { ...describeApiKey(apiKey), key }
    }),
    adminChangeKey: answer(async (request) => {
      const { rate_limit_rpm: rateLimitRpm, max_concurrent: maxConcurrent } = readBody(keyLimitsSchema, request)
      return describeApiKey(
        await changeApiKeyLimits(operatorOf(request), idOf(request), { rateLimitRpm, maxConcurrent }),
      )
    }),
    adminRevokeKey: answer(async (request) =>
      describeApiKey(await revokeApiKey(operatorOf(request), keyIdOf(request))),
    ),

    adminListJobs: answer(async (request) => {
      const query = validate(jobQuerySchema, request.query)
      const { jobs, next } = await listJobs(
        db,
        {
          state: query.state,
          mode: query.mode,
          accountId: query.account,
          createdAfter: query.created_after === undefined ? undefined : new Date(query.created_after),
          createdBefore: query.created_before === undefined ? undefined : new Date(query.created_before),
        },
        { limit: query.limit, after: readPlace(query.cursor) },
      )
      return { jobs: jobs.map(describeJob), next: writePlace(next) }
    }),
    adminFindJob: answer(async (request) => {
      const job = await requireJob(db, jobIdOf(request))
      return describeJobDetail(job, await findJob(db, undefined, job.id))
    }),
    adminCancelJob: answer(async (request) => {
      const job = await cancelJob(operatorOf(request), jobIdOf(request))
      await forgetInput(services, job)
      return describeJob(job)
    }),
    adminRequeueJob: answer(async (request) => describeJob(await requeueJob(operatorOf(request), jobIdOf(request)))),

    adminListWorkers: answer(async () => describeWorkers(await findWorkers(db))),
    adminUsage: answer(async (request) => {
      const { from, to, group_by: groupBy, account } = validate(adminUsageQuerySchema, request.query)
      return reportUsage(db, { accountId: account, from, to, groupBy })
    }),
    adminAudit: answer(async (request) => {
      const { account, target, limit, cursor } = validate(auditQuerySchema, request.query)
      const filter = { accountId: account, targetId: target }
      const olderThan = cursor === undefined ? undefined : readAuditPlace(cursor)
      const { entries, next } = await listAudit(db, filter, { limit, olderThan })
      return { entries: entries.map(describeAuditEntry), next: next === undefined ? null : String(next) }
    }),
  }
}

/** Routes with such a body take JSON alone. */
function readBody<T extends z.ZodType>(schema: T, request: FastifyRequest): z.output<T> {
  const body = request.body as ParsedBody
  return validate(schema, body.kind === 'json' ? body.value : {})
}

const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id

/** Over HTTP a key is named by its id alone, which cannot be mistaken. */
function keyIdOf(request: FastifyRequest): string {
  const id = idOf(request)
  if (!isId(id)) throw new AppError('not_found', 'There is no such API key.')
  return id
}

/** With the dashes of a UUID too, as callers may have it. */
const jobIdOf = (request: FastifyRequest): string => readRequestId(idOf(request)) ?? ''

/** Where accounts, keys and jobs go on. */
function readPlace(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined
  const match = /^(\d{1,16})-([0-9a-f]{32})$/.exec(cursor)
  if (!match?.[1] || !match[2]) throw wrongCursor()
  return { createdUs: Number(match[1]), id: match[2] }
}

const writePlace = (next: Place | undefined): string | null => (next ? `${next.createdUs}-${next.id}` : null)

function readAuditPlace(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw wrongCursor()
  return Number(cursor)
}

const wrongCursor = (): AppError =>
  new AppError('invalid_parameter', 'cursor must be the `next` of the page before.', { param: 'cursor' })
