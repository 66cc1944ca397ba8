/**
 * What calls resolve with, made from what came back over the border.
 */
import { InternalError, type KafkaRetryError } from './errors'
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
export function storedFailure({ ok, error }: NativePushAnswer): StoredFailure {
  if (ok === null) throw faultOf(error)
  const { id, retryCount, dueAt, state, failureId } = ok
  return { id, retryCount, dueAt: new Date(dueAt), state: state as EntryState, failureId }
}

/** The result of one success; throws its error. */
export function resolvedMessage({ ok, error }: NativeResolveAnswer): ResolvedMessage {
  if (ok === null) throw faultOf(error)
  return ok.reason === null ? { deleted: ok.deleted } : { deleted: ok.deleted, reason: ok.reason }
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

function faultOf(fault: NativeFault | null): KafkaRetryError {
  return fault === null ? new InternalError('KER_INTERNAL', 'an answer without result and error') : fromFault(fault)
}
