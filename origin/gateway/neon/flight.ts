import type { Connection, DatabaseError, Submittable } from 'pg'
import { GatewayError } from './errors.ts'
import type { Statement } from './request.ts'

/** A column of a result, in the attributes of the wire protocol. */
export interface Field {
  name: string
  dataTypeID: number
  tableID: number
  columnID: number
  dataTypeSize: number
  dataTypeModifier: number
  format: 'text'
}

/** What one statement answered, every value as Postgres prints it. */
export interface StatementResult {
  fields: Field[]
  rows: (string | null)[][]
  command: string
  rowCount: number | null
}

/** The messages of pg's parser that matter here. */
interface RowDescription {
  fields: Field[]
}
interface DataRow {
  length: number
  fields: (string | null)[]
}
interface CommandComplete {
  text: string
}

/** pg's connection as it is: the published types describe an older signature. */
interface Wire {
  stream: { cork(): void; uncork(): void; destroy(): void }
  parse(message: { text: string; name?: string }): void
  bind(message: { values?: (string | null)[] }): void
  describe(message: { type: 'P'; name: string }): void
  execute(message: { rows?: number }): void
  sync(): void
}

/** Command, then for INSERT an oid, then the number of rows. */
const TAG = /^(\S*)(?:.*? (\d+))?$/

/**
 * A list of statements sent in one go and answered in one go: Parse, Bind, Describe and Execute for each, then a single
 * Sync. The first that fails makes Postgres skip the rest.
 *
 * Always the extended protocol, with unnamed statements: it refuses several statements in one string, tells the number of
 * missing parameters, and leaves nothing behind on the connection.
 */
export class Flight implements Submittable {
  readonly done: Promise<StatementResult[]>
  readonly #statements: readonly Pick<Statement, 'text' | 'values'>[]
  readonly #resultBytes: number
  readonly #results: StatementResult[] = []
  #current: StatementResult = emptyResult()
  #bytes = 0
  #resolve: (results: StatementResult[]) => void = () => {}
  #reject: (error: Error) => void = () => {}

  /** @param resultBytes most bytes of rows to keep; the flight fails with 507 when there are more */
  constructor(statements: readonly Pick<Statement, 'text' | 'values'>[], resultBytes: number) {
    this.#statements = statements
    this.#resultBytes = resultBytes
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire
    wire.stream.cork()
    for (const { text, values } of this.#statements) {
      wire.parse({ text })
      wire.bind({ values })
      wire.describe({ type: 'P', name: '' })
      wire.execute({})
    }
    wire.sync()
    wire.stream.uncork()
  }

  handleRowDescription({ fields }: RowDescription): void {
    this.#current.fields = fields.map((field) => ({
      name: field.name,
      dataTypeID: field.dataTypeID,
      tableID: field.tableID,
      columnID: field.columnID,
      dataTypeSize: field.dataTypeSize,
      dataTypeModifier: field.dataTypeModifier,
      format: 'text',
    }))
  }

  handleDataRow({ fields, length }: DataRow): void {
    this.#bytes += length
    // Read on to the end, but keep nothing: what is still to come cannot be taken back.
    if (this.#bytes > this.#resultBytes) this.#drop()
    else this.#current.rows.push(fields)
  }

  handleCommandComplete({ text }: CommandComplete): void {
    const [, command = '', count] = TAG.exec(text) ?? []
    this.#current.command = command
    this.#current.rowCount = count === undefined ? null : Number(count)
    this.#next()
  }

  handleEmptyQuery(): void {
    this.#next()
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: Connection): void {
    // The statements behind this one have been sent already and would be taken for data.
    ;(connection as unknown as Wire).stream.destroy()
    this.#reject(new GatewayError(400, 'COPY FROM STDIN is not possible over HTTP', { code: '0A000' }))
  }

  handleCopyData(message: { chunk: Buffer }): void {
    this.#bytes += message.chunk.length
    if (this.#bytes > this.#resultBytes) this.#drop()
  }

  handleReadyForQuery(): void {
    if (this.#bytes <= this.#resultBytes) this.#resolve(this.#results)
    else this.#reject(new GatewayError(507, `response is too large (max is ${this.#resultBytes} bytes)`))
  }

  handleError(error: DatabaseError | Error): void {
    this.#reject(error)
  }

  #next(): void {
    this.#results.push(this.#current)
    this.#current = emptyResult()
  }

  #drop(): void {
    this.#results.length = 0
    this.#current.rows = []
  }
}

function emptyResult(): StatementResult {
  return { fields: [], rows: [], command: '', rowCount: null }
}
