import { scenarios } from './backlog.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
