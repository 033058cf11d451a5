#!/usr/bin/env node
// The command line: the table of commands, how errors look, and nothing else. A command is a file in commands/, loaded when it is called.
import { Command, CommanderError } from 'commander'
import { ConfigError, version } from '../config.ts'
import { BundleError } from '../engine/bundle.ts'
import { AppError } from '../errors.ts'
import { BlobStoreError } from '../storage/blobs.ts'
import { UsageError } from './usage-error.ts'

const EXAMPLES = `
Examples:
  $ chatterbox serve                                        the server on http://127.0.0.1:8080
  $ chatterbox worker                                       one more that speaks, on the server's database
  $ chatterbox speak "Hi there. [laugh]" -o hi.mp3          speech in the bundled voice, no server needed
  $ chatterbox speak "Hi there." --voice me.wav -o hi.wav   in the voice of a recording
  $ chatterbox voices encode me.wav -o me.safetensors       a recording encoded once, for --voice
  $ cat story.txt | chatterbox speak --voice me.wav | ffplay -
  $ chatterbox mcp                                          speech as a tool of an assistant
  $ chatterbox pull turbo                                   download and compile Chatterbox-Turbo
  $ chatterbox keys create "mobile app"                     an API key, shown once
  $ chatterbox backup /backups/monday                       database and outputs, beside a running server
  $ chatterbox usage --by account                           what was used and paid in the last 30 days
  $ chatterbox doctor                                       is everything in order?

Settings come from the environment; docs/settings.md lists them.`

/** In the order in which help lists them. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  speak: async () => (await import('./commands/speak.ts')).speakCommand(),
  voices: async () => (await import('./commands/voices.ts')).voicesCommand(),
  mcp: async () => (await import('./commands/mcp.ts')).mcpCommand(),
  pull: async () => (await import('./commands/pull.ts')).pullCommand(),
  compile: async () => (await import('./commands/compile.ts')).compileCommand(),
  accounts: async () => (await import('./commands/accounts.ts')).accountsCommand(),
  keys: async () => (await import('./commands/keys.ts')).keysCommand(),
  credits: async () => (await import('./commands/credits.ts')).creditsCommand(),
  backup: async () => (await import('./commands/backup.ts')).backupCommand(),
  jobs: async () => (await import('./commands/jobs.ts')).jobsCommand(),
  workers: async () => (await import('./commands/workers.ts')).workersCommand(),
  usage: async () => (await import('./commands/usage.ts')).usageCommand(),
  audit: async () => (await import('./commands/audit.ts')).auditCommand(),
  verify: async () => (await import('./commands/verify.ts')).verifyCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
}

const program = new Command('chatterbox')
  .description('Text to speech with voice cloning, on your own machine.')
  .version(version)
  .addHelpText('after', EXAMPLES)
  .showHelpAfterError('Try `chatterbox --help`.')
  .configureHelp({ sortSubcommands: false })
  .exitOverride()

/** The one that is called; all of them, where help or a mistake is to be answered: loading them takes a second of processor time. */
function calledFor([name = '']: readonly string[]): readonly (() => Promise<Command>)[] {
  if (name === '--version' || name === '-V') return []
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  return command ? [command] : Object.values(COMMANDS)
}

/** What a person did wrong is one line; what we did wrong is a stack that can be reported. */
function explain(error: unknown): string {
  if (
    error instanceof UsageError ||
    error instanceof ConfigError ||
    error instanceof AppError ||
    error instanceof BundleError ||
    error instanceof BlobStoreError
  )
    return `error: ${error.message}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  for (const load of calledFor(process.argv.slice(2))) program.addCommand(await load())
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    console.error(explain(error))
    process.exitCode = 1
  }
}
