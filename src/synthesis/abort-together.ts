// One signal for several reasons to stop. Not AbortSignal.any: on Node 20 a listener left on its signal keeps it, and all that the
// listener holds, for as long as the process lives.

/** `signal` is aborted with the first of `sources`, for its reason. Dispose of it when the work has ended. */
export function abortTogether(...sources: readonly AbortSignal[]): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const unlink = sources.map((source) => {
    const abort = () => controller.abort(source.reason)
    if (source.aborted) abort()
    else source.addEventListener('abort', abort, { once: true })
    return () => source.removeEventListener('abort', abort)
  })
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const end of unlink) end()
    },
  }
}
