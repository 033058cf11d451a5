// The studio as static files that need nothing from elsewhere; http/ serves them at /.
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../build/studio',
    // Beside index.html at the server's root, in one folder whose names are ours.
    assetsDir: 'studio',
    emptyOutDir: true,
    target: 'es2022',
    // Everything is a file of our own origin: the pages' security policy allows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // For work on the studio: `npx vite studio` beside a running server.
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/v2', '/outputs', '/assets', '/docs'].map((path) => [path, 'http://127.0.0.1:8080']),
    ),
  },
})
