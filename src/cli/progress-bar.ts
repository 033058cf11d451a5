// One line on a terminal that shows how far a piece of work is. Writes nothing where nobody looks.

export interface ProgressBar {
  /** `share` from 0 to 1; `note` says what the number means. */
  update(share: number, note: string): void
  /** Removes the line. */
  close(): void
}

const WIDTH = 30

export function createProgressBar(stream: NodeJS.WriteStream, options: { readonly silent: boolean }): ProgressBar {
  if (options.silent) return { update: () => {}, close: () => {} }
  return {
    update: (share, note) => {
      const filled = Math.round(Math.min(1, Math.max(0, share)) * WIDTH)
      stream.write(`\r\x1b[2K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.round(share * 100)} %  ${note}`)
    },
    close: () => stream.write('\r\x1b[2K'),
  }
}
