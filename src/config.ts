// Every setting once: name, type, default and help. The only file that reads the environment; docs/settings.md is checked against it.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { z } from 'zod'

/** The folder that holds package.json: this file is `<root>/build/src/config.js` when it runs. */
export const packageRoot = path.resolve(import.meta.dirname, '../..')

export const version: string = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'))).version

const flag = z.stringbool()
const count = (minimum = 1) => z.coerce.number().int().min(minimum)
const amount = z.coerce.number().min(0)
const optionalText = z.string().min(1).optional()

/** Where a program keeps what it can make again, by the XDG rules: for the command line, which has no DATA_DIR of its own. */
export const userCacheDir: string = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'),
  'chatterbox',
)

/** Where compiled models are: `pull` and `compile` put them there, `serve` and `speak` look for them there. */
export const modelDirOf = ({ MODEL_DIR }: Pick<Config, 'MODEL_DIR'>): string =>
  path.resolve(MODEL_DIR ?? path.join(userCacheDir, 'models'))

interface Setting<T extends z.ZodType> {
  readonly schema: T
  readonly help: string
  /** Never printed, never logged. */
  readonly secret?: true
}
const setting = <T extends z.ZodType>(schema: T, help: string, options: { secret?: true } = {}): Setting<T> => ({
  schema,
  help,
  ...options,
})

export const SETTINGS = {
  HOST: setting(z.string().default('127.0.0.1'), 'Address to listen on. `0.0.0.0` opens the server to the network.'),
  PORT: setting(count(0).max(65535).default(8080), 'Port to listen on; 0 takes a free one.'),
  PUBLIC_URL: setting(z.url().optional(), 'Base of every URL in an answer. Without it, the `Host` header is used.'),
  TRUST_PROXY: setting(flag.default(false), 'Believe `X-Forwarded-*` headers of a reverse proxy.'),
  DATA_DIR: setting(z.string().min(1).default('data'), 'Folder of the embedded database, outputs, uploads and voices.'),
  DATABASE_URL: setting(z.url().optional(), 'A PostgreSQL (13 or newer) to use instead of the embedded one.', {
    secret: true,
  }),
  BLOB_URL: setting(
    z
      .string()
      .regex(/^(s3:\/\/[a-z0-9][a-z0-9._-]*(\/.*)?|file:\/\/\/.+)$/, 'must be s3://bucket/prefix or file:///folder')
      .optional(),
    'Where outputs and uploads are kept: `s3://bucket/prefix` or `file:///folder`. Without it: `blobs` in DATA_DIR.',
  ),
  BLOB_ENDPOINT: setting(z.url().optional(), 'Base URL of an S3-compatible store that is not Amazon’s.'),
  BLOB_REGION: setting(optionalText, 'Region of the bucket. Without it: AWS_REGION, or the profile of the machine.'),
  DATABASE_LISTEN_URL: setting(
    z.url().optional(),
    'The same database past a connection pooler that does not pass notifications on.',
    { secret: true },
  ),
  MODEL: setting(
    z.enum(['auto', 'turbo', 'nano', 'preview']).default('auto'),
    'Which engine answers: `auto` takes the best one installed, `preview` is the embedded one.',
  ),
  MODEL_DIR: setting(
    optionalText,
    'Folder of compiled models, one subfolder each. Without it: `models` in the cache folder of the user.',
  ),
  HF_ENDPOINT: setting(
    z.url().default('https://huggingface.co'),
    'The model hub that `chatterbox pull` downloads from, or a mirror of it.',
  ),
  HF_TOKEN: setting(optionalText, 'Token for the model hub, where it asks for one.', { secret: true }),
  ENGINE_THREADS: setting(
    count(0).default(0),
    'Threads that the engine computes with; 0 takes one per processor, at most 8.',
  ),
  ENGINE_IDLE_SECONDS: setting(
    count(0).default(300),
    'The engine process exits after this many idle seconds; 0 keeps it.',
  ),
  WORKER: setting(flag.default(true), 'Speak in this process as well. `false`: `chatterbox worker` does, anywhere.'),
  WORKER_SLOTS: setting(count().default(4), 'Jobs that a worker speaks at the same time.'),
  WORKER_PORT: setting(
    count(0).max(65535).optional(),
    'Port on which `chatterbox worker` answers /healthz, /readyz and /metrics. Without it: none.',
  ),
  MAX_QUEUED_REQUESTS: setting(
    count().default(64),
    'v1 requests that may wait for a worker, over all servers; one more is answered 429 `overloaded`.',
  ),
  REQUEST_TIMEOUT_SECONDS: setting(
    count().default(120),
    'A v1 request that takes longer is answered 504 and its job goes on; 503 if no worker has begun it.',
  ),
  SHUTDOWN_TIMEOUT_SECONDS: setting(
    count(0).default(30),
    'How long a stopping process lets requests in flight finish.',
  ),
  BOOTSTRAP_API_KEY: setting(
    optionalText,
    'An API key that exists from the first start. Without it one is made and printed once.',
    {
      secret: true,
    },
  ),
  BOOTSTRAP_CREDITS: setting(amount.default(10), 'Credits (US dollars) of the account made at the first start.'),
  ADMIN_TOKEN: setting(optionalText, 'Bearer token for `/v1/admin`, and for `/metrics` from another machine.', {
    secret: true,
  }),
  PRICE_PER_1000_CHARACTERS: setting(amount.default(0.05), 'Credits charged for 1,000 characters of delivered text.'),
  RATE_LIMIT_RPM: setting(
    count(0).default(120),
    'Requests per minute and key, unless the key has its own limit; 0 is no limit.',
  ),
  MAX_WEBSOCKETS_PER_KEY: setting(
    count().default(50),
    'WebSockets that a key may have open at a time, on each server.',
  ),
  WEBSOCKET_IDLE_SECONDS: setting(
    count().default(120),
    'A WebSocket on which nothing is said or spoken for so long is closed; six times as often it is asked whether it is there.',
  ),
  MAX_BODY_MB: setting(count().default(32), 'Largest request body, in MiB.'),
  MAX_REFERENCE_SECONDS: setting(count(6).default(300), 'Longest reference recording.'),
  MAX_VOICES_PER_ACCOUNT: setting(count(0).default(100), 'Voices that an account may keep.'),
  REFERENCE_FETCH_TIMEOUT_SECONDS: setting(count().default(15), 'Time to fetch a reference from its URL.'),
  REFERENCE_ALLOW_HTTP: setting(flag.default(false), 'Also fetch references from `http:` URLs.'),
  REFERENCE_ALLOW_PRIVATE: setting(
    flag.default(false),
    'Also fetch references from private and loopback addresses (tests, intranets).',
  ),
  WEBHOOK_ALLOW_HTTP: setting(flag.default(false), 'Also send webhooks to `http:` URLs.'),
  WEBHOOK_ALLOW_PRIVATE: setting(
    flag.default(false),
    'Also send webhooks to private and loopback addresses (tests, intranets).',
  ),
  DEFAULT_VOICE: setting(
    flag.default(false),
    'Make `reference_audio` optional: without it the voice of the model speaks, or else the bundled one.',
  ),
  DEFER_VALIDATION: setting(
    flag.default(false),
    'Accept wrong parameters on `/v2` and let the request fail afterwards, as the hosted API does.',
  ),
  V2_INSUFFICIENT_CREDITS_STATUS: setting(
    z.enum(['406', '402']).default('406'),
    'Status of `insufficient_credits` on `/v2`: 406 as documented, or 402 as once observed.',
  ),
  VOICE_CACHE_MB: setting(count().default(64), 'Memory for encoded voices, in MiB.'),
  VOICE_CACHE_DISK_MB: setting(count().default(1024), 'Disk for encoded voices under DATA_DIR, in MiB.'),
  RESULT_TTL_HOURS: setting(count().default(168), 'How long results, uploads and their records are kept.'),
  LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    'Least level that is logged.',
  ),
  LOG_FORMAT: setting(
    z.enum(['auto', 'json', 'pretty']).default('auto'),
    '`auto` is pretty on a terminal and JSON elsewhere.',
  ),
} as const

type Settings = typeof SETTINGS
export type SettingName = keyof Settings
export type Config = { readonly [Name in SettingName]: z.output<Settings[Name]['schema']> }

/** A setting that cannot be used; the message names it and says what it must be. */
export class ConfigError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings from the environment; `overrides`, as from command line flags, come first. An empty value counts as absent, as in a
 * compose file with `X=`. Throws ConfigError naming every setting that is wrong, all at once.
 */
export function readConfig(overrides: Environment = {}, environment: Environment = process.env): Config {
  const problems: string[] = []
  const entries = Object.entries(SETTINGS).map(([name, { schema }]) => {
    const value = overrides[name] ?? environment[name]
    const parsed = schema.safeParse(value === '' ? undefined : value)
    if (!parsed.success) problems.push(`${name}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`)
    return [name, parsed.data]
  })
  if (problems.length > 0) throw new ConfigError(`Wrong settings:\n  ${problems.join('\n  ')}`)
  return Object.fromEntries(entries) as Config
}
