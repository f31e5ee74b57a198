import { setTimeout as pause } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { ping } from '../drizzle/statements/ping.ts'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { Contact } from '../workers-node/contact.ts'
import { useDatabase } from './setup/use-database.ts'

const database = useDatabase()
let contact: Contact
let door: PostgresDoor

beforeEach(async () => {
  contact = new Contact()
  door = contact.through(database)
  await pause(200)
})

const sql = (text: string): Statement<unknown> => ({ name: text, text, params: [] })

test('contact lasts as long as Postgres answers in time', async () => {
  await door.run(ping())
  await door.run(sql('SELECT pg_sleep(0.1)'))
  expect(contact.lastsMs()).toBeGreaterThan(290)
})

test('with a statement that fails, contact begins anew', async () => {
  await expect(door.run(sql('SELECT 1 / 0'))).rejects.toThrow('22012')
  expect(contact.lastsMs()).toBeLessThan(150)
})

test('with an answer that takes long, contact begins anew', async () => {
  await door.run(sql('SELECT pg_sleep(1.6)'))
  expect(contact.lastsMs()).toBeLessThan(150)
})

test('a process that stood still has had no contact meanwhile', async () => {
  contact.tick(1_000)
  expect(contact.lastsMs()).toBeGreaterThan(190)
  await pause(100)
  contact.tick(50)
  expect(contact.lastsMs()).toBeLessThan(90)
})
