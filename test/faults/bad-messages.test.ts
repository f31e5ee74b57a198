import { scenarios } from './bad-messages.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
