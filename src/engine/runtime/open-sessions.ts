// Opens graphs that are only of use together: if one fails, those before it are closed.
import { Session, type SessionOptions } from './session.ts'

/** One session a name, in their order. One after another: each blocks the thread anyway, and loading is when memory peaks. */
export async function openSessions<const Names extends readonly string[]>(
  names: Names,
  graphFile: (name: string) => string,
  options: SessionOptions,
): Promise<{ -readonly [Index in keyof Names]: Session }> {
  const opened: Session[] = []
  try {
    for (const name of names) opened.push(await Session.open(graphFile(name), options))
    return opened as { -readonly [Index in keyof Names]: Session }
  } catch (error) {
    for (const session of opened) await session[Symbol.asyncDispose]()
    throw error
  }
}
