// How many answers with audio that costs nothing one account may have open: this server's own limit, kept in memory.
import { AppError } from '../errors.ts'

export interface AudioPlaces {
  /** To be disposed of with the answer. Throws AppError `overloaded`. */
  take(accountId: string): Disposable
}

export function createAudioPlaces(limits: { readonly perAccount: number; readonly perServer: number }): AudioPlaces {
  const taken = new Map<string, number>()
  let all = 0
  return {
    take(accountId) {
      const mine = taken.get(accountId) ?? 0
      if (mine >= limits.perAccount || all >= limits.perServer) {
        const message = mine >= limits.perAccount ? 'Too many of these are open already.' : 'The server is busy.'
        throw new AppError('overloaded', `${message} Try again in a moment.`, { retryAfterSeconds: 2 })
      }
      taken.set(accountId, mine + 1)
      all++
      return {
        [Symbol.dispose]: () => {
          all--
          const left = (taken.get(accountId) ?? 1) - 1
          if (left > 0) taken.set(accountId, left)
          else taken.delete(accountId)
        },
      }
    },
  }
}
