/** How a tier offers methods to the edge: handlers by name, typed by core/origin-api.ts, served by origin/http.ts. */
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { OriginMethod, OriginOutput, originApi } from '#core/origin-api.ts'

/** What every handler knows of the request that it answers. */
export interface RequestContext {
  /** Taken over from the edge, or made here. */
  readonly requestId: string
  /** W3C Trace Context of this call: hand it to the events that the call makes. */
  readonly traceparent: string
  /** Carries requestId and traceparent with every line. */
  readonly logger: Logger
}

/** A method's input after its schema has been applied: defaults are filled in. */
export type HandlerInput<M extends OriginMethod> = z.output<(typeof originApi)[M]['input']>

/** Answers one call. Throw a `Problem` to refuse; anything else becomes a 500 that tells the caller nothing. */
export type OriginHandler<M extends OriginMethod> = (
  input: HandlerInput<M>,
  context: RequestContext,
) => Promise<OriginOutput<M>>

/** The methods of one tier, or of all of them: a method that no tier offers answers 404. */
export type OriginHandlers = { [M in OriginMethod]?: OriginHandler<M> }
