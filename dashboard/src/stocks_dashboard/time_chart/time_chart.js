// Panes that share one axis of sessions and one crosshair: a Streamlit component (v2) around Lightweight Charts.
// What is drawn comes from time_chart/__init__.py, which says what each field means; here it gets its place.

import {
    BaselineSeries, CandlestickSeries, HistogramSeries, LineSeries, LineStyle, PriceScaleMode, TickMarkType, createChart,
    createSeriesMarkers,
} from "./lightweight-charts-5.2.1.js";

const KINDS = { area: BaselineSeries, bars: HistogramSeries, candles: CandlestickSeries, line: LineSeries };
const SCALES = { linear: PriceScaleMode.Normal, log: PriceScaleMode.Logarithmic, percent: PriceScaleMode.Percentage };
const DASHES = { solid: LineStyle.Solid, dashed: LineStyle.Dashed, dotted: LineStyle.Dotted };
const SECONDS = 86400; // of a day: the library counts seconds
const FEWEST = 5; // sessions in view, however far one zooms
const SETTLED = 400; // milliseconds without a move, after which the days in view are told
const LEGEND = 22; // pixels of a pane, in which nothing is drawn but what is told
const PALE = "48"; // of 255: what steps back behind the line that is pointed at

const figures = (options) => {
    const format = new Intl.NumberFormat("en", options);
    return (value) => format.format(value).replace("-", "\u2212");
};
const cents = figures({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = figures({ maximumFractionDigits: 0 });
const FORMATS = {
    price: (value) => (Math.abs(value) < 100000 ? cents : whole)(value),
    percent: (value) => `${cents(value)} %`,
    shares: figures({ notation: "compact", maximumSignificantDigits: 3 }),
};
// At an axis, no more digits than tell its ticks apart.
const TICKS = {
    price: (values) => values.map(figures({ maximumFractionDigits: digits(values) })),
    percent: (values) => values.map((value) => `${figures({ maximumFractionDigits: digits(values) })(value)} %`),
    shares: (values) => values.map(FORMATS.shares),
};

const dayOfMonth = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });

const drawn = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
    const chart = drawn.get(parentElement) ?? new TimeChart(parentElement);
    drawn.set(parentElement, chart);
    chart.show(data, setStateValue);
    return () => {
        chart.remove();
        drawn.delete(parentElement);
    };
}

class TimeChart {
    constructor(parent) {
        this.host = child(parent, "div", "host");
        this.host.tabIndex = 0;
        this.host.setAttribute("role", "application");
        this.host.setAttribute("aria-roledescription", "chart");
        this.box = child(this.host, "div", "box");
        this.box.setAttribute("aria-hidden", "true");
        this.brush = child(this.host, "div", "brush");
        this.said = child(parent, "div", "said");
        this.said.setAttribute("aria-live", "polite");
        this.credit = child(parent, "a", "credit", "Charts by TradingView");
        Object.assign(this.credit, { href: "https://www.tradingview.com/", target: "_blank", rel: "noopener" });
        this.listen();
    }

    remove() {
        clearTimeout(this.telling);
        this.clear();
        for (const each of [this.host, this.said, this.credit]) each.remove();
    }

    clear() {
        this.sizes?.disconnect();
        this.chart?.remove();
        this.box.replaceChildren();
    }

    // --- What Python gives

    show({ frame, view, ...about }, tell) {
        this.tell = tell;
        const names = frame.schema.fields.map(({ name }) => name);
        const columns = Object.fromEntries(names.map((name) => [name, frame.getChild(name).toArray()]));
        const what = JSON.stringify(about) + names.map((name) => columns[name].reduce(mixed, 0)).join();
        const asked = view.join();
        // What the visitor moved to stays as it is, to the pixel; else what Python asks for is looked at.
        const stays = asked === this.told || asked === this.asked;
        if (what !== this.what) {
            const before = this.chart && stays && this.span === about.span && this.scale.getVisibleLogicalRange();
            this.draw(about, columns);
            if (before) this.scale.setVisibleLogicalRange(before);
            else this.look(view);
        } else if (!stays) {
            this.look(view);
        }
        Object.assign(this, { what, asked, span: about.span });
        this.legend();
        this.host.dataset.drawn = Number(this.host.dataset.drawn ?? 0) + 1; // tests wait for it
    }

    draw({ label, height, panes, colours, tells }, columns) {
        this.clear();
        this.tells = tells;
        this.columns = columns;
        this.times = Array.from(columns.price_date, (number) => number * SECONDS);
        this.panes = panes;
        this.series = [];
        this.place = this.chosen = undefined;
        this.host.style.height = `${height}px`;
        this.host.setAttribute(
            "aria-label",
            `${label} Arrow keys go from session to session, with Shift they move the chart; plus and minus zoom.`,
        );
        this.box.style.visibility = "hidden"; // until the library has given each pane its place
        this.chart = createChart(this.box, {
            autoSize: true,
            layout: {
                attributionLogo: false, // the link stands beneath the chart, where the keyboard finds it too
                background: { color: "transparent" },
                fontFamily: getComputedStyle(this.host).fontFamily,
                panes: { enableResize: false, separatorColor: colours.grid },
                textColor: colours.ink,
            },
            crosshair: {
                horzLine: { color: colours.muted, labelBackgroundColor: colours.label },
                mode: 0,
                vertLine: { color: colours.muted, labelBackgroundColor: colours.label },
            },
            grid: { horzLines: { color: colours.grid }, vertLines: { visible: false } },
            // The wheel alone scrolls the page, and so does a finger that moves up or down.
            handleScale: { axisDoubleClickReset: { price: true, time: false }, mouseWheel: false },
            handleScroll: { mouseWheel: false, vertTouchDrag: false },
            localization: { locale: "en", timeFormatter: isoDay },
            rightPriceScale: { borderVisible: false, entireTextOnly: true, minimumWidth: 68 },
            timeScale: {
                borderColor: colours.grid, fixLeftEdge: true, fixRightEdge: true, lockVisibleTimeRangeOnResize: true,
                minBarSpacing: 0.01, tickMarkFormatter: tick, tickMarkMaxCharacterLength: 5,
            },
        });
        this.scale = this.chart.timeScale();
        const shares = panes.reduce((sum, { share }) => sum + share, 0);
        panes.forEach((pane, number) => this.pane(pane, number, (height * pane.share) / shares, colours));
        panes.forEach((pane, number) => this.chart.panes()[number].setStretchFactor(pane.share));
        this.legends = panes.map(() => child(this.box, "div", "legend"));
        this.chart.subscribeCrosshairMove((event) => this.onCrosshair(event));
        this.scale.subscribeVisibleLogicalRangeChange(() => this.onView());
        this.sizes = new ResizeObserver(() => requestAnimationFrame(() => this.onSize()));
        this.sizes.observe(this.box);
    }

    pane(pane, number, pixels, colours) {
        for (const each of pane.series) {
            const format = FORMATS[pane.format];
            const series = this.chart.addSeries(
                KINDS[each.kind],
                {
                    ...style(each),
                    hitTestTolerance: 8,
                    lastValueVisible: each.at_end,
                    priceFormat: {
                        formatter: format, minMove: 0.01, tickmarksFormatter: TICKS[pane.format], type: "custom",
                    },
                    priceLineVisible: false,
                    title: each.at_end ? each.title : "",
                },
                number,
            );
            series.setData(this.points(each));
            const marks = each.marks.map((mark) => ({ ...mark, place: this.at(mark.day) }));
            if (marks.length) createSeriesMarkers(series, marks.map((mark) => this.mark(mark)));
            this.series.push({ ...each, format, isPercent: pane.scale === "percent", marks, pane: number, series });
        }
        const { series } = this.series.at(-1);
        series.priceScale().applyOptions({
            mode: SCALES[pane.scale],
            scaleMargins: { bottom: pane.from_zero ? 0 : 0.05, top: Math.max(LEGEND / pixels, 0.16) },
            tickMarkDensity: pixels < 120 ? 1.6 : 2.5, // a low pane has two ticks at least
        });
        if (pane.level !== null && pane.scale !== "percent") {
            series.createPriceLine({
                axisLabelVisible: false, color: colours.muted, lineStyle: LineStyle.Dashed, lineWidth: 1,
                price: pane.level,
            });
        }
    }

    points({ kind, columns, colours }) {
        const taken = columns.map((name) => this.columns[name]);
        return this.times.map((time, place) => {
            const [value, ...others] = taken.map((column) => column[place]);
            if (Number.isNaN(value)) return { time };
            if (kind === "candles") return { close: others[2], high: others[0], low: others[1], open: value, time };
            return others.length ? { color: colours[others[0] < 0 ? 1 : 0], time, value } : { time, value };
        });
    }

    mark({ place, shape, position, colour, text }) {
        return { color: colour, position, shape, size: 0.7, text, time: this.times[place] };
    }

    // The place of the first session on or after a day; of the last one where there is none.
    at(day) {
        const time = Date.parse(day) / 1000;
        const place = this.times.findIndex((each) => each >= time);
        return place < 0 ? this.times.length - 1 : place;
    }

    look([first, last]) {
        this.isMoved = false;
        this.told = undefined;
        this.scale.setVisibleLogicalRange({ from: this.at(first) - 0.5, to: this.at(last) + 0.5 });
    }

    // --- What the visitor does

    listen() {
        const { host } = this;
        const stop = (event) => {
            event.preventDefault();
            event.stopPropagation();
        };
        const moved = () => (this.isMoved = true);
        host.addEventListener("pointerdown", moved, true);
        host.addEventListener("touchstart", moved, { capture: true, passive: true });
        host.addEventListener("dblclick", () => (moved(), this.move(-Infinity, Infinity)));
        host.addEventListener(
            "wheel",
            (event) => {
                if (!event.shiftKey && !event.ctrlKey) return;
                stop(event);
                moved();
                const way = event.deltaY || event.deltaX;
                this.zoom(1.2 ** Math.sign(way), this.scale.coordinateToLogical(this.x(event)));
            },
            { capture: true, passive: false },
        );
        host.addEventListener("keydown", (event) => {
            const act = this.keys()[event.shiftKey && event.key.startsWith("Arrow") ? `Shift${event.key}` : event.key];
            if (!act || event.target !== host || event.altKey || event.metaKey || event.ctrlKey) return;
            stop(event);
            moved();
            act();
        });
        host.addEventListener("blur", () => this.point(undefined));
        // With Shift the pointer draws the range to look at, instead of moving the chart.
        host.addEventListener("mousedown", (event) => event.shiftKey && (stop(event), this.onBrush(event)), true);
    }

    keys() {
        const [first, last] = this.range();
        const place = this.place ?? last;
        const step = Math.max(Math.round((last - first) / 10), 1);
        return {
            ArrowLeft: () => this.point(place - 1),
            ArrowRight: () => this.point(place + 1),
            End: () => this.point(this.times.length - 1),
            Escape: () => this.point(undefined),
            Home: () => this.point(0),
            ShiftArrowLeft: () => this.move(first - step, last - step),
            ShiftArrowRight: () => this.move(first + step, last + step),
            "+": () => this.zoom(1 / 1.5, place),
            "-": () => this.zoom(1.5, place),
            "=": () => this.zoom(1 / 1.5, place),
        };
    }

    onBrush({ clientX }) {
        const { left } = this.host.getBoundingClientRect();
        const ends = (event) => [clientX - left, event.clientX - left].sort((one, other) => one - other);
        const onMove = (event) => {
            const [from, to] = ends(event);
            Object.assign(this.brush.style, { display: "block", left: `${from}px`, width: `${to - from}px` });
        };
        const onUp = (event) => {
            this.brush.style.display = "none";
            window.removeEventListener("mousemove", onMove);
            const [from, to] = ends(event).map((x) => this.scale.coordinateToLogical(x));
            if (event.clientX !== clientX) this.move(Math.round(from), Math.round(to));
        };
        window.addEventListener("mousemove", onMove);
        window.addEventListener("mouseup", onUp, { once: true });
    }

    x({ clientX }) {
        return clientX - this.host.getBoundingClientRect().left;
    }

    zoom(factor, around) {
        const { from, to } = this.scale.getVisibleLogicalRange();
        this.move(around - (around - from) * factor, around + (to - around) * factor);
    }

    // Shows the sessions between two places, moved to where there are some.
    move(from, to) {
        const end = this.times.length - 0.5;
        const width = Math.min(Math.max(to - from, FEWEST), end + 0.5);
        const begin = Math.min(Math.max(from, -0.5), end - width);
        this.scale.setVisibleLogicalRange({ from: begin, to: begin + width });
    }

    // Puts the crosshair on a session; the chart follows it.
    point(place) {
        if (place === undefined) {
            this.chart.clearCrosshairPosition();
            this.place = undefined;
            this.legend();
            return;
        }
        const to = Math.min(Math.max(place, 0), this.times.length - 1);
        const [first, last] = this.range();
        if (to < first || to > last) this.move(to - (last - first) / 2, to + (last - first) / 2);
        const { columns, series } = this.series[0];
        const value = this.columns[columns.at(-1)][to];
        this.chart.setCrosshairPosition(Number.isNaN(value) ? 0 : value, this.times[to], series);
        this.place = to;
        this.legend();
        this.said.textContent = this.legends.map((each) => each.textContent).join("; ");
    }

    onCrosshair({ logical, hoveredSeries, point }) {
        const end = this.times.length - 1;
        this.place = point ? Math.min(Math.max(Math.round(logical), 0), end) : undefined;
        this.forward(this.series.find((each) => each.series === hoveredSeries && each.at_end)?.title);
        this.legend();
    }

    // One line stands before the others, which pale.
    forward(title) {
        if (title === this.chosen) return;
        this.chosen = title;
        for (const each of this.series.filter(({ kind }) => kind === "line")) {
            const isPale = title !== undefined && title !== each.title;
            each.series.applyOptions({
                color: each.colours[0] + (isPale ? PALE : ""), lineWidth: each.title === title ? 4 : 2,
            });
        }
    }

    // Places of the first and the last session in view.
    range() {
        const { from, to } = this.scale.getVisibleLogicalRange() ?? { from: 0, to: Infinity };
        const end = this.times.length - 1;
        return [Math.min(Math.max(Math.ceil(from), 0), end), Math.max(Math.min(Math.floor(to), end), 0)];
    }

    // A page still being laid out has no width: what is to be seen can be placed when it has one.
    onSize() {
        if (!this.isMoved) this.look(this.asked.split(","));
        this.legend();
        this.box.style.visibility = "";
    }

    onView() {
        this.legend();
        if (!this.isMoved || !this.tells) return;
        clearTimeout(this.telling);
        this.telling = setTimeout(() => {
            const view = this.range().map((place) => isoDay(this.times[place]));
            if (view.join() === this.told || view.join() === this.asked) return;
            this.told = view.join();
            this.tell("view", view);
        }, SETTLED);
    }

    // --- What is told of a session: the one beneath the crosshair, or the last one in view

    legend() {
        const [first, last] = this.range();
        const place = this.place ?? last;
        let top = 0;
        this.chart.panes().forEach((pane, number) => {
            const legend = this.legends[number];
            legend.style.top = `${top + 2}px`;
            top += pane.getHeight() + 1;
            const told = this.series.filter((each) => each.pane === number).map((each) => this.toldOf(each, place, first));
            legend.replaceChildren(
                ...(number === 0 ? [text("b", isoDay(this.times[place]))] : []),
                ...(this.panes[number].title ? [text("b", this.panes[number].title)] : []),
                ...told.flat(),
            );
        });
    }

    toldOf({ kind, columns, colours, title, format, dash, isPercent, marks }, place, first) {
        const column = this.columns[columns[0]];
        const value = column[place];
        if (Number.isNaN(value)) return [];
        const notes = marks.filter((mark) => mark.place === place).map((mark) => text("span", mark.about));
        if (kind === "candles") {
            const parts = columns.map((name) => `${name[0].toUpperCase()} ${format(this.columns[name][place])}`);
            return [text("span", parts.join("  ")), ...notes];
        }
        const swatch = text("i", "");
        swatch.style.borderTop = `3px ${dash} ${colours[0]}`;
        let shown = format(value);
        if (isPercent) {
            const base = column.subarray(first).find((each) => !Number.isNaN(each));
            shown = FORMATS.percent(100 * (value / base - 1));
        }
        const line = text("span", `${title} ${shown}`.trim());
        if (title) line.prepend(swatch);
        if (this.chosen !== undefined && this.chosen !== title) line.className = "pale";
        return [line, ...notes];
    }
}

function style({ kind, colours, dash }) {
    const [first, second] = colours;
    if (kind === "candles") {
        return {
            borderVisible: false, downColor: second, upColor: first, wickDownColor: second, wickUpColor: first,
        };
    }
    if (kind === "area") {
        return {
            bottomFillColor1: `${first}55`, bottomFillColor2: `${first}55`, bottomLineColor: first,
            crosshairMarkerRadius: 3, lineWidth: 1, topLineColor: first,
        };
    }
    if (kind === "bars") return { base: 0, color: first };
    return { color: first, crosshairMarkerRadius: 3, lineStyle: DASHES[dash], lineWidth: 2 };
}

function digits(values) {
    const step = Math.min(...values.slice(1).map((value, place) => Math.abs(value - values[place])));
    return Math.min(Math.max(Math.ceil(-Math.log10(step)), 0), 2);
}

// Tells columns with other numbers apart, at the cost of a sum.
function mixed(sum, value, place) {
    return Number.isNaN(value) ? sum + place : sum * 1.0000001 + value;
}

// What stands at the axis beneath a day; null for what the library would write. A month whose name has no room at its
// first session is told by one of the next.
function tick(time, type) {
    const day = new Date(time * 1000);
    return type === TickMarkType.DayOfMonth && day.getUTCDate() < 5 ? dayOfMonth.format(day) : null;
}

function isoDay(time) {
    return new Date(time * 1000).toISOString().slice(0, 10);
}

function text(name, content) {
    const made = document.createElement(name);
    made.textContent = content;
    return made;
}

function child(parent, name, className, content = "") {
    const made = text(name, content);
    made.className = className;
    parent.append(made);
    return made;
}
