// The parts of ECharts that are used, in a file of their own that is loaded when the first chart is drawn.
import { BarChart, LineChart } from "echarts/charts";
import {
	AriaComponent,
	AxisPointerComponent,
	GridComponent,
	MarkAreaComponent,
	TooltipComponent,
} from "echarts/components";
import { connect, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
	LineChart,
	BarChart,
	AriaComponent,
	AxisPointerComponent,
	GridComponent,
	MarkAreaComponent,
	TooltipComponent,
	CanvasRenderer,
]);

export type { EChartsType } from "echarts/core";
export { connect, init };
