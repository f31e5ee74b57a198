import { scenarios } from './postgres-lost.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
