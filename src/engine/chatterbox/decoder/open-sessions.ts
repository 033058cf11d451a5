// Opens two graphs that are only of use together: if the second fails, the first is closed.
import { Session, type SessionOptions } from '../../runtime/session.ts'

export async function openSessions(
  [first, second]: readonly [string, string],
  graphFile: (name: string) => string,
  options: SessionOptions,
): Promise<[Session, Session]> {
  const opened = await Session.open(graphFile(first), options)
  try {
    return [opened, await Session.open(graphFile(second), options)]
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}
