"""Names that stand for each other: one name in several languages' spellings, its short
forms, and East Asian surnames as different romanisations print them.

General vocabulary only; a line is a group, and a name may be in several.
"""

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
jose josef joseph josep"""
_SHORT_FORMS = """
william bill billy will willy
robert bob bobby rob robbie
richard dick rick ricky rich
james jim jimmy jamie
john jack johnny
joseph joe joey
thomas tom tommy
charles charlie chuck
edward ed eddie ted ned
michael mike mickey misha mikhail
alexander alex sasha aleksandr alec
alexandra sasha alex
benjamin ben benny
daniel dan danny
david dave
samuel sam sammy
anthony tony antonio
andrew andy drew
matthew matt
christopher chris
nicholas nick nikolay kolya
stephen steve steven
gregory greg
kenneth ken kenny
lawrence larry
ronald ron ronnie
donald don donny
timothy tim
patrick pat paddy
peter pete
philip phil
raymond ray
frederick fred freddy
francis frank
francisco paco pancho
jose pepe
ignacio nacho
dolores lola
elizabeth liz beth betty eliza lisa
margaret maggie meg peggy
catherine kate katie cathy katherine
susan sue susie
rebecca becky
deborah debbie
barbara barb
jennifer jen jenny
victoria vicky
yekaterina ekaterina katya
dmitry dima
vladimir vova volodya
sergey seryozha
yevgeny evgeny zhenya
pavel pasha
ivan vanya
anastasia nastya
natalya natasha
tatyana tanya
maria masha
olga olya
hans johannes johann
giuseppe beppe
giovanni gianni
"""
VARIANTS: dict[str, frozenset[int]] = {}
for _number, _line in enumerate((_SPELLINGS + _SHORT_FORMS).strip().splitlines()):
    for _word in _line.split():
        VARIANTS[_word] = VARIANTS.get(_word, frozenset()) | {_number}
