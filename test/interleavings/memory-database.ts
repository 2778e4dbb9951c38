/**
 * The edge's statements without a database: each is known by its text, which it has from drizzle/queries itself, and is
 * answered from memory. A statement that nobody taught is a fault.
 */
import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { Database, Row } from '#drizzle/database.ts'

type Argument = string | number | null | readonly string[] | undefined
type Answer = (params: readonly unknown[]) => object[]

const dialect = new PgDialect()
const compiled = (statement: SQL) => dialect.sqlToQuery(statement)
const asParam = (argument: Argument) => (Array.isArray(argument) ? `{${argument.join(',')}}` : argument)

export class MemoryDatabase implements Database {
  readonly #known = new Map<string, Answer>()

  /**
   * Teaches a statement. `marks` are arguments as unlike each other as can be: where they stand among the parameters is
   * where the arguments of any call stand. A null shapes the statement and stays null.
   */
  teach<A extends Argument[]>(
    make: (...args: A) => SQL,
    marks: NoInfer<A>,
    answer: (...args: NoInfer<A>) => object[],
  ): this {
    const { sql, params } = compiled(make(...marks))
    const places = marks.map((mark) => (mark === null || mark === undefined ? null : params.indexOf(asParam(mark))))
    this.#known.set(sql, (given) => {
      const args = places.map((place, i) => {
        const value = place === null ? null : given[place]
        return Array.isArray(marks[i]) ? idsOf(String(value)) : value
      })
      return answer(...(args as unknown as A))
    })
    return this
  }

  async query<T = Row>(statement: SQL): Promise<T[]> {
    const { sql, params } = compiled(statement)
    const answer = this.#known.get(sql)
    if (answer === undefined) throw new Error(`the database in memory does not know ${sql}`)
    return answer(params) as T[]
  }

  async batch(statements: readonly SQL[]): Promise<Row[][]> {
    return Promise.all(statements.map((statement) => this.query(statement)))
  }
}

const idsOf = (list: string) => list.slice(1, -1).split(',').filter(Boolean)
