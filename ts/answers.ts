/**
 * What calls resolve with, made from what came back over the border.
 */
import type { KafkaRetryError } from './errors'
import { fromFault, type NativeFault, type NativePushAnswer, type NativeResolveAnswer } from './native'

/** Where an entry stands; `docs/state-machine.md` has the drawing. */
export type EntryState = 'scheduled' | 'leased' | 'awaiting' | 'dead' | 'held'

/** A failure that is stored durably. */
export interface StoredFailure {
  /** The entry's id: a decimal string. */
  id: string
  /** How many attempts were counted, this one included. */
  retryCount: number
  /** When it is delivered again, by the database's clock. */
  dueAt: Date
  state: EntryState
  /** Names this failure: reported again with it, it counts once. */
  failureId: string
}

/** What became of a success. */
export interface ResolvedMessage {
  /** How many entries are gone: 0 for an unknown id or a repeated call. */
  deleted: number
  /** Why nothing was deleted although the id is known: `'newer-failure'`. */
  reason?: string
}

/** The answer to one item of an array: a result, or the error that this item met. */
export type AnswerOf<T> = T | { error: KafkaRetryError }

/** The result of one failure; throws its error. */
export function storedFailure(answer: NativePushAnswer): StoredFailure {
  if (isFault(answer)) throw fromFault(answer.error)
  const { id, retryCount, dueAt, state, failureId } = answer.pushed
  return { id, retryCount, dueAt: new Date(dueAt), state: state as EntryState, failureId }
}

/** The result of one success; throws its error. */
export function resolvedMessage(answer: NativeResolveAnswer): ResolvedMessage {
  if (isFault(answer)) throw fromFault(answer.error)
  const { deleted, reason } = answer.resolved
  return reason === null ? { deleted } : { deleted, reason }
}

// By its own members: code of others may have given every object an `error`.
function isFault(answer: object): answer is { error: NativeFault } {
  return Object.hasOwn(answer, 'error')
}

/** The answers to an array, in its order: an error is an answer here, since the others have theirs. */
export function allAnswers<N, T>(answers: readonly N[], read: (answer: N) => T): AnswerOf<T>[] {
  return answers.map((answer) => {
    try {
      return read(answer)
    } catch (error) {
      return { error: error as KafkaRetryError }
    }
  })
}
