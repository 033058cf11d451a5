// Preloaded into every test process by run.ts: a test file that has finished and does not end has left something open, and whatever more
// than ten times listens to one event and is not known to be meant to may be a leak. What the file has cost is noted as well.

// The time a file's own `after` hooks may take on a busy machine.
const GRACE_MS = 20_000

// NODE_OPTIONS reaches the programs that tests start as well; those are none of our business.
if (process.argv[1]?.endsWith('.test.js')) {
  const { after } = await import('node:test')
  const { writeFileCost } = await import('./file-costs.ts')
  process.once('exit', writeFileCost)
  process.on('warning', (warning) => {
    if (warning.name === 'MaxListenersExceededWarning') throw warning
  })
  after(() => {
    setTimeout(() => {
      console.error(`The tests are over but still open: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }, GRACE_MS).unref()
  })
}
