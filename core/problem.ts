/** Problem details for HTTP APIs (RFC 9457): a code for machines, a sentence for people, never a stack. */

export interface FieldProblem {
  /** Where in the input, as a JSON pointer (RFC 6901), or the name of a query or path parameter. */
  pointer: string
  detail: string
}

export interface ProblemInit {
  status: number
  /** Stable, kebab-case: what programs switch on. */
  code: string
  title: string
  detail?: string
  errors?: FieldProblem[]
  headers?: Record<string, string>
  /** The fault inside, for the log only. */
  cause?: unknown
}

export interface ProblemBody {
  type: string
  title: string
  status: number
  code: string
  detail?: string
  instance?: string
  requestId?: string
  errors?: FieldProblem[]
}

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string | undefined
  readonly errors: FieldProblem[] | undefined
  readonly headers: Record<string, string>

  constructor(init: ProblemInit) {
    super(init.detail ?? init.title, init.cause === undefined ? undefined : { cause: init.cause })
    this.name = 'Problem'
    this.status = init.status
    this.code = init.code
    this.title = init.title
    this.detail = init.detail
    this.errors = init.errors
    this.headers = init.headers ?? {}
  }

  /** The body as it goes to the client; `instance` is the request's path. */
  toJSON(instance?: string, requestId?: string): ProblemBody {
    return {
      type: `https://tideline.dev/problems/${this.code}`,
      title: this.title,
      status: this.status,
      code: this.code,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      ...(instance === undefined ? {} : { instance }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    }
  }

  /** The whole answer, as both Workers and Node's fetch types know it. */
  toResponse(instance?: string, requestId?: string): Response {
    return new Response(JSON.stringify(this.toJSON(instance, requestId)), {
      status: this.status,
      headers: { 'content-type': 'application/problem+json', ...this.headers },
    })
  }
}

/** The problems that more than one part of Tideline answers, in one place so that a code means one thing. */
export const problems = {
  badRequest: (detail: string, errors?: FieldProblem[]) =>
    new Problem({ status: 400, code: 'bad-request', title: 'Bad request', detail, ...(errors ? { errors } : {}) }),
  unauthorized: (detail: string) =>
    new Problem({
      status: 401,
      code: 'unauthorized',
      title: 'Sign in first',
      detail,
      headers: { 'www-authenticate': 'Bearer' },
    }),
  forbidden: (detail: string) => new Problem({ status: 403, code: 'forbidden', title: 'Not allowed', detail }),
  notFound: (what: string) =>
    new Problem({ status: 404, code: 'not-found', title: 'Not found', detail: `There is no such ${what}.` }),
  /** Once there was one: unlike what is not found, it will not arrive later. */
  deleted: (what: string) =>
    new Problem({ status: 404, code: 'deleted', title: 'Not found', detail: `This ${what} was deleted.` }),
  methodNotAllowed: (method: string, allowed: readonly string[]) =>
    new Problem({
      status: 405,
      code: 'method-not-allowed',
      title: 'Method not allowed',
      detail: `This address does not take ${method}, but ${allowed.join(', ')}.`,
      headers: { allow: allowed.join(', ') },
    }),
  conflict: (code: string, detail: string) => new Problem({ status: 409, code, title: 'Conflict', detail }),
  tooLarge: (detail: string) =>
    new Problem({ status: 413, code: 'content-too-large', title: 'Content too large', detail }),
  unsupportedMedia: (detail: string) =>
    new Problem({ status: 415, code: 'unsupported-media-type', title: 'Unsupported media type', detail }),
  unprocessable: (code: string, detail: string) =>
    new Problem({ status: 422, code, title: 'Unprocessable content', detail }),
  tooMany: (retryAfterSeconds: number) =>
    new Problem({
      status: 429,
      code: 'too-many-requests',
      title: 'Too many requests',
      detail: `Try again in ${retryAfterSeconds} seconds.`,
      headers: { 'retry-after': String(retryAfterSeconds) },
    }),
  /** Unlike what is away it is there, and has too much to do: nothing was begun. */
  overloaded: (retryAfterSeconds = 1) =>
    new Problem({
      status: 503,
      code: 'overloaded',
      title: 'Too much at once',
      detail: 'There is more to do than can be done in time. Nothing was done; try again in a moment.',
      headers: { 'retry-after': String(retryAfterSeconds) },
    }),
  away: (what: string, retryAfterSeconds = 2, cause?: unknown) =>
    new Problem({
      status: 503,
      code: 'unavailable',
      title: 'Temporarily unavailable',
      detail: `${what} cannot be reached just now.`,
      headers: { 'retry-after': String(retryAfterSeconds) },
      cause,
    }),
}
