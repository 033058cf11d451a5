// What whoever runs the server may ask and change: the schemas of /v1/admin under their names, and the answers as types.
import type { z } from 'zod'
import {
  accountChangesSchema,
  accountQuerySchema,
  accountSchema,
  accountsSchema,
  creditChangeSchema,
  newAccountSchema,
} from './admin-accounts.ts'
import { jobDetailSchema, jobQuerySchema, jobSchema, jobsSchema } from './admin-jobs.ts'
import {
  apiKeySchema,
  apiKeysSchema,
  keyLimitsSchema,
  keyQuerySchema,
  madeApiKeySchema,
  newKeySchema,
} from './admin-keys.ts'
import { auditQuerySchema, auditSchema, workersSchema } from './admin-operation.ts'
import { adminUsageQuerySchema } from './usage.ts'

/** Under their names in the OpenAPI document. */
export const ADMIN_SCHEMAS = {
  NewAccount: newAccountSchema,
  AccountChanges: accountChangesSchema,
  CreditChange: creditChangeSchema,
  NewApiKey: newKeySchema,
  ApiKeyLimits: keyLimitsSchema,
  AccountQuery: accountQuerySchema,
  ApiKeyQuery: keyQuerySchema,
  JobQuery: jobQuerySchema,
  AuditQuery: auditQuerySchema,
  AdminUsageQuery: adminUsageQuerySchema,
  Account: accountSchema,
  Accounts: accountsSchema,
  ApiKey: apiKeySchema,
  ApiKeys: apiKeysSchema,
  MadeApiKey: madeApiKeySchema,
  Job: jobSchema,
  Jobs: jobsSchema,
  JobDetail: jobDetailSchema,
  Workers: workersSchema,
  Audit: auditSchema,
} as const

type Answers = { readonly [Name in keyof typeof ADMIN_SCHEMAS]: z.output<(typeof ADMIN_SCHEMAS)[Name]> }
export type AccountAnswer = Answers['Account']
export type ApiKeyAnswer = Answers['ApiKey']
export type JobAnswer = Answers['Job']
export type JobDetailAnswer = Answers['JobDetail']
export type WorkersAnswer = Answers['Workers']
export type AuditEntryAnswer = Answers['Audit']['entries'][number]
