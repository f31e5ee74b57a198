import { scenarios } from './drain.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
