// Module customization hook: whoever imports a module that CHAOS_REPLACE names gets the one planted here, which alone gets the original.
import type { ResolveHook } from 'node:module'

/** Ends of the URLs of the product's modules, and the file beside this one that stands in for each. */
const replacements = Object.entries(JSON.parse(process.env.CHAOS_REPLACE ?? '{}') as Record<string, string>)

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const resolved = await nextResolve(specifier, context)
  if (context.parentURL?.includes('/chaos/planted/')) return resolved
  const [, file] = replacements.find(([end]) => resolved.url.endsWith(`/build/src/${end}`)) ?? []
  return file === undefined ? resolved : { ...resolved, url: new URL(`./${file}`, import.meta.url).href }
}
