#!/usr/bin/env node
// The command line: the table of commands, how errors look, and nothing else. A command is a file in commands/.
import { Command, CommanderError } from 'commander'
import { ConfigError, version } from '../config.ts'
import { BundleError } from '../engine/bundle.ts'
import { AppError } from '../errors.ts'
import { BlobStoreError } from '../storage/blobs.ts'
import { accountsCommand } from './commands/accounts.ts'
import { auditCommand } from './commands/audit.ts'
import { backupCommand } from './commands/backup.ts'
import { compileCommand } from './commands/compile.ts'
import { creditsCommand } from './commands/credits.ts'
import { doctorCommand } from './commands/doctor.ts'
import { jobsCommand } from './commands/jobs.ts'
import { keysCommand } from './commands/keys.ts'
import { mcpCommand } from './commands/mcp.ts'
import { pullCommand } from './commands/pull.ts'
import { serveCommand } from './commands/serve.ts'
import { speakCommand } from './commands/speak.ts'
import { usageCommand } from './commands/usage.ts'
import { verifyCommand } from './commands/verify.ts'
import { voicesCommand } from './commands/voices.ts'
import { workerCommand } from './commands/worker.ts'
import { workersCommand } from './commands/workers.ts'
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

const program = new Command('chatterbox')
  .description('Text to speech with voice cloning, on your own machine.')
  .version(version)
  .addHelpText('after', EXAMPLES)
  .showHelpAfterError('Try `chatterbox --help`.')
  .configureHelp({ sortSubcommands: false })
  .exitOverride()

for (const command of [
  serveCommand,
  workerCommand,
  speakCommand,
  voicesCommand,
  mcpCommand,
  pullCommand,
  compileCommand,
  accountsCommand,
  keysCommand,
  creditsCommand,
  backupCommand,
  jobsCommand,
  workersCommand,
  usageCommand,
  auditCommand,
  verifyCommand,
  doctorCommand,
])
  program.addCommand(command())

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
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    console.error(explain(error))
    process.exitCode = 1
  }
}
