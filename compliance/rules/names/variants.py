"""Words that stand for each other: one name in several languages' spellings, its short forms,
East Asian surnames as different romanisations print them, the trade's words and their short ones.

General vocabulary only; a line is a group, and a name may be in several.
"""

from collections.abc import Iterator

from compliance.rules.names.short_forms import SHORT_FORMS

_SPELLINGS = """
mohamed mohammed muhammad mohammad muhamad mohamad mohamud mahamat mehmet mohd mohamet muhammed
ahmed ahmad ahmet ahmadou
hussein hussain husain husayn huseyin hossein hosein hussien
yusuf youssef yousef yousuf yusif youcef
omar umar oumar omer
osman usman othman uthman ousmane
hamza hamzah hamzeh
khalid khaled khalad
jamal gamal jamel djamel
mustafa mostafa mustapha moustapha
ibrahim ibraheem ebrahim brahim
mahmoud mahmud mahmood
abubakar aboubakar abubaker
sergey sergei sergej serhii serhiy sergejs
aleksandr alexander oleksandr alexandre aleksander
aleksey alexey alexei oleksii oleksiy
dmitry dmitri dmitriy dmytro dmitrii
vladimir volodymyr uladzimir
mikhail mykhailo mikhailo michail
nikolay nikolai mykola nikolaj
yevgeny evgeny evgeniy evgenii yevgeniy yevhen
andrey andrei andriy andrii andrej
pavel pavlo paul
petr petro pyotr peter
igor ihor
oleg oleh
yury yuri yuriy iurii yurii
kim gim
lee li yi ri rhee
park bak pak
choi choe
jung jeong chung jong chong
kang gang
cho jo
yoo yu ryu
lim im rim
shin sin
kwon gwon
koo gu ku goo
oh o
ahn an
yoon yun youn
heo hur huh
woo u wu
noh no roh ro
moon mun
zhang chang cheung
wang wong
huang wong hwang
chen chan
liu lau
zhou chow chou
wu ng woo
xu hsu
xie hsieh tse
cai tsai
yulia julia yuliya iuliia
ekaterina yekaterina kateryna
yelena elena olena helena helen
natalia natalya nataliya nathalie
svetlana svitlana
tatiana tatyana tetiana
anatoly anatoliy anatolii anatolij
gennady gennadiy gennadi hennadii
grigory grigoriy hryhorii gregory
konstantin kostiantyn constantine
viktor victor viktar
vyacheslav viacheslav
said saeed saeid sayid
sayyid sayyed sayed syed seyed seyyed
obaida ubaida ubaidah ubayda obeida
sulayman suleiman sulaiman soleiman suleyman solomon
dawud daoud dawood davud david
ismail ismael esmail
ishaq isaac
yahya yehia yehya
"""
# One name as several languages have it: what is printed depends on who wrote it down.
_TRANSLATED = """
john juan jean joao johan johannes johann giovanni ioannis jan ivan yahya
peter pedro pierre pietro piotr petr pyotr petros
paul pablo paolo pavel paulo pavlo pavlos
joseph jose josep giuseppe josef yusuf youssef jozef
michael miguel michel michele mikhail mikael mihail mihai
charles carlos karl carlo karel carl
william guillermo guillaume wilhelm willem
henry enrique henri heinrich enrico hendrik henrique
louis luis luigi ludwig luiz lewis
francis francisco francois francesco franz frans
george jorge georges giorgio georg georgios giorgi georgi
andrew andres andre andrea andreas andrei andrej andrzej
matthew mateo matthieu matteo matthias mateus matvei
mark marcos marc marco markus marcus
luke lucas luc luca lukas
philip felipe philippe filippo philipp filip
stephen steven esteban etienne stefano stefan estevao stepan
nicholas nicolas nicola nikolai nikolaus nikolaos nikola
anthony antonio antoine anton antonios
vincent vicente vincenzo
james jaime jacques jakob jacob diego tiago santiago giacomo yakov
edward eduardo edouard eduard
robert roberto
richard ricardo riccardo
lawrence lorenzo laurent lorenz
gabriel gavriil
mary maria marie mariya miriam maryam
catherine catalina katarina katharina caterina
elizabeth isabel elisabetta elisabeth isabelle
theresa teresa therese
margaret margarita marguerite margherita
"""
# The trade's own words, shortened or in another language.
_TRADE = """
international intl internacional
national natl nacional
shipping shpg
manufacturing mfg
management mgmt
university univ universidad
institute inst institut instituto institution
department dept
government govt
association assoc asociacion
brothers bros
holding holdings hldg hldgs
group grp gruppe gruppa grupo groupe
service services svc svcs servicios
industry industries industrial ind inds
engineering engg eng
development dev
technology technologies tech technological technical
bank banco banque banka banca banking
corporation corp corporacion korporatsiya
foundation fundacion
petrochemical petrochem
electronic electronics electric
organization organisation org
center centre centro
trading trade traders torgovy torgovyy ticaret
company kompaniya compania
"""


def _groups() -> Iterator[list[str]]:
    """Yield words that stand for each other; whoever has a short form has it in all spellings."""
    spellings: dict[str, list[str]] = {}
    for line in _SPELLINGS.split("\n"):
        group = line.split()
        yield group
        spellings.update(dict.fromkeys(group, group))
    for line in (_TRANSLATED + _TRADE).split("\n"):
        yield line.split()
    for line in SHORT_FORMS.split("\n"):
        group = line.split()
        yield group + spellings.get(group[0] if group else "", [])


VARIANTS: dict[str, frozenset[int]] = {}
for _number, _group in enumerate(_groups()):
    for _word in _group:
        VARIANTS[_word] = VARIANTS.get(_word, frozenset()) | {_number}
