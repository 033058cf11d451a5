// Module customization hook: whoever imports `jobs/finish.js` gets the mutant, which alone gets the original.
import type { ResolveHook } from 'node:module'

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const resolved = await nextResolve(specifier, context)
  const isTarget = resolved.url.endsWith('/build/src/jobs/finish.js')
  if (!isTarget || context.parentURL?.includes('/mutants/')) return resolved
  return { ...resolved, url: new URL(`./${process.env.CHAOS_MUTANT}.js`, import.meta.url).href }
}
