import { bigint, customType, timestamp } from 'drizzle-orm/pg-core'

/** A 64-bit id: bigint in Postgres, a decimal string everywhere else. */
export const id = customType<{ data: string; driverData: string }>({
  dataType: () => 'bigint',
  fromDriver: (value) => String(value),
})

/** Row version: newer wins, wherever a change may arrive late or twice. */
export const version = () => bigint('version', { mode: 'number' }).notNull().default(1)

export const createdAt = () => timestamp('created_at', { withTimezone: true }).notNull().defaultNow()
export const updatedAt = () => timestamp('updated_at', { withTimezone: true }).notNull().defaultNow()
